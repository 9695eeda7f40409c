"""The small image classifier of the zoo."""

import keras
import tensorflow as tf

from zoo import checks, registry
from zoo.base import inputs
from zoo.classifiers.classifier_trainer import ClassifierTrainer
from zoo.classifiers.conv_features import ConvFeatures

__all__ = ["ConvClassifier"]

_LOGIT_SCALE = 0.125  # Of the ResNet-9 after which this is built: the last layer learns slower.


@registry.register("architecture", package="zoo")
class ConvClassifier(ClassifierTrainer):
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

    context_shape = None  # It sees images alone.

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

    def call(self, images, training=None):
        """Returns class probabilities, float32 `[B, K]`; images as in `zoo.ConvFeatures`."""
        del training
        return tf.nn.softmax(self.logits(images))

    def logits(self, images):
        """Returns logits in nats, float32 `[B, K]`; images as `zoo.ConvFeatures` takes them."""
        images, _, _ = inputs.unpack(images)
        return self.head_logits(self.features(images))

    def head_logits(self, features):
        """Returns logits for features, float32 `[B, K]`."""
        return self.head(features) * _LOGIT_SCALE

    # === Saving ===

    def export(self, filepath, format="tf_saved_model", metadata=None):
        """Writes a SavedModel for TensorFlow Serving and `zoo.load`, exactly at `filepath`.

        Its signature `serving_default`, also `classify`, takes `image`, float32 `[N, H, W, C]` in
        [0, 1], and gives `probabilities`, float32 `[N, K]`; `features` gives `features`.

        Args:
            filepath: A local folder that does not exist yet; a server wants a number, `model/1`.
            format: `"tf_saved_model"`.
            metadata: A dict that JSON can hold, kept beside the model.

        Raises:
            FileExistsError: There is something at `filepath`.
            ValueError: Another format.
            RuntimeError: The written model does not answer as this one does.
        """
        from zoo import serving

        if format != "tf_saved_model":
            raise ValueError(f"A zoo model exports as 'tf_saved_model'. Received: {format!r}")
        signatures = serving.make_classifier_signatures(self)
        serving.export(self, filepath, None, metadata, signatures)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "num_classes": self.num_classes,
            "filters": self.features.filters,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes the classifier of `get_config`; its weights are fresh."""
        del custom_objects
        return cls(**config)
