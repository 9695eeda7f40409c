"""The small image classifier of the zoo."""

import keras
import tensorflow as tf

from zoo import checks, papers, registry, serving
from zoo.base import inputs
from zoo.base.compiled import compiled
from zoo.base.image_model import ImageModel
from zoo.classifiers.conv_features import ConvFeatures
from zoo.labels import as_labels

__all__ = ["ConvClassifier"]

_TRAINING_DTYPES = ("float32", "bfloat16")
_LOGIT_SCALE = 0.125  # Of the ResNet-9 after which this is built: the last layer learns slower.


@registry.register("architecture", package="zoo")
class ConvClassifier(ImageModel):
    """A small image classifier, for constraints and measures that judge images by it.

    Calling it gives class probabilities and is inference always, inside the training of another
    model too: deterministic, in float32, differentiable in the images. `compile`, `fit` and
    `evaluate` are Keras's; the loss is the cross-entropy, so no loss is given.

    Args:
        image_shape: (height, width, channels).
        num_classes: K, the number of classes, at least 2.
        filters: As in `zoo.ConvFeatures`.

    Attributes:
        features: The `zoo.ConvFeatures` before the last layer, a Keras model of its own.

    Raises:
        ValueError: A size is not what it must be.

    Example:
        >>> classifier = zoo.ConvClassifier(image_shape=(28, 28, 1), num_classes=10)
        >>> classifier.compile(keras.optimizers.Adam(1e-3))
        >>> classifier.fit(images, labels, epochs=3)
        >>> zoo.GECO(zoo.constraints.ClassificationAccuracy(0.95, classifier=classifier))
    """

    citations = (papers.RES_NET_9,)
    _loss_name = "the cross-entropy"

    def __init__(self, image_shape, num_classes, filters=(16, 32, 96, 192), **kwargs):
        super().__init__(autocast=False, **({"dtype": "float32"} | kwargs))
        self.num_classes = checks.integer("num_classes", num_classes, least=2)
        self.features = ConvFeatures(image_shape, filters, name="features")
        self.head = keras.layers.Dense(self.num_classes, dtype="float32", name="head")
        self.head.build((None, self.features.filters[-1]))
        self.built = True

    @property
    def image_shape(self):
        """(height, width, channels) of the images."""
        return self.features.image_shape

    @property
    def filters(self):
        """As in `zoo.ConvFeatures`."""
        return self.features.filters

    def call(self, images, training=None):
        """Returns class probabilities, float32 `[B, K]`; images as in `zoo.ConvFeatures`."""
        return tf.nn.softmax(self.logits(images))

    def logits(self, images):
        """Returns logits in nats, float32 `[B, K]`; images as `zoo.ConvFeatures` takes them."""
        images, _, _ = inputs.unpack(images)
        return self._run_logits(images)

    @compiled
    def _run_logits(self, images):
        return self.head_logits(self.features(images))

    def head_logits(self, features):
        """Returns logits for features, float32 `[B, K]`."""
        return self.head(features) * _LOGIT_SCALE

    # === Training: see `zoo.base.image_model` ===
    # Not Keras's own step: it trains through the call, which here is inference always.

    def compile(self, optimizer="adam", label_smoothing=0.0, training_dtype="float32", **kwargs):
        """Prepares the classifier for `fit`.

        Args:
            optimizer: A Keras optimiser or its name.
            label_smoothing: Share of each label spread evenly over the classes, in [0, 1).
            training_dtype: What the convolutions of a training step compute in: "float32", or
                "bfloat16", for processors on which it is faster. Weights, loss, evaluation and
                inference are float32 either way.
            **kwargs: As in `zoo.base.image_model`.

        Raises:
            ValueError: One of them is out of range or not supported.

        Example:
            >>> classifier = zoo.ConvClassifier((28, 28, 1), num_classes=10, filters=(4, 4))
            >>> classifier.compile(keras.optimizers.Adam(1e-3), label_smoothing=0.1)
        """
        checks.number("label_smoothing", label_smoothing, least=0, below=1)
        checks.choice("training_dtype", training_dtype, _TRAINING_DTYPES)
        super().compile(optimizer, **kwargs)
        self._set_past_tracker(
            label_smoothing=float(label_smoothing), training_dtype=training_dtype
        )

    def get_compile_config(self):
        """Returns the arguments of `compile`, or None before it."""
        config = super().get_compile_config()
        if config is not None:
            names = ("label_smoothing", "training_dtype")
            config |= {name: getattr(self, name) for name in names}
        return config

    @property
    def _predicted_shape(self):
        return (self.num_classes,)

    def _predict(self, images, context, seed):
        self._check_context(context)
        return tf.nn.softmax(self.logits(images))

    def _make_trackers(self):
        return {
            "accuracy": keras.metrics.SparseCategoricalAccuracy("accuracy"),
            "cross_entropy": keras.metrics.SparseCategoricalCrossentropy(
                "cross_entropy", from_logits=True
            ),
        }

    def _measure(self, images, context, labels, seed, training):
        """Returns the loss of each example; the labels and the logits."""
        self._check_context(context)
        images = inputs.as_images(images, self.image_shape)
        labels = as_labels(labels, self.num_classes, type(self).__name__)
        dtype = self.training_dtype if training else tf.float32
        with tf.control_dependencies([labels]):  # Bad ones fail before the moving averages move.
            features = self.features.forward(tf.cast(images, dtype), training)
        logits = self.head_logits(features)
        losses = keras.losses.categorical_crossentropy(
            tf.one_hot(labels, self.num_classes), logits, True, self.label_smoothing
        )
        return {"cross-entropy": losses}, (labels, logits)

    def _loss(self, terms, training):
        return tf.reduce_mean(terms["cross-entropy"])

    def _track(self, terms, measured):
        labels, logits = measured
        for tracker in self._trackers.values():
            tracker.update_state(labels, logits)
        return tf.shape(labels)[0]

    # === Saving ===

    def _make_signatures(self):
        """`serving_default`, also `classify`, and `features`: see `zoo.serving`."""
        return serving.make_classifier_signatures(self)
