"""Training a classifier by the cross-entropy: compile, the training step, the logs."""

import keras
import tensorflow as tf

from zoo import checks
from zoo.base import inputs
from zoo.base.checked_model import CheckedModel

__all__ = ["ClassifierTrainer"]

_TRAINING_DTYPES = ("float32", "bfloat16")


class ClassifierTrainer(CheckedModel):
    """What `zoo.ConvClassifier` is trained by.

    A subclass has `image_shape`, `num_classes`, `features` with the methods of
    `zoo.ConvFeatures`, and `head_logits(features)`.
    """

    def compile(self, optimizer="adam", label_smoothing=0.0, training_dtype="float32", **kwargs):
        """Prepares the classifier for `fit`.

        Args:
            optimizer: A Keras optimiser or its name.
            label_smoothing: Share of each label spread evenly over the classes, in [0, 1).
            training_dtype: What the convolutions of a training step compute in: "float32", or
                "bfloat16", about twice as fast on CPUs that have it. Weights, loss, evaluation and
                inference are float32 either way.
            **kwargs: As in `keras.Model.compile`.

        Raises:
            ValueError: One of them is out of range or not supported.
        """
        checks.number("label_smoothing", label_smoothing, least=0, below=1)
        checks.choice("training_dtype", training_dtype, _TRAINING_DTYPES)
        refused = sorted(set(kwargs) & {"loss", "loss_weights", "metrics", "weighted_metrics"})
        if refused:
            raise ValueError(
                f"A classifier's loss is the cross-entropy, and it logs the accuracy: leave out "
                f"{refused}."
            )
        # Keras would choose XLA on a GPU, which drops the assertions that name bad values.
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=keras.optimizers.get(optimizer), **kwargs)
        with self.distribute_strategy.scope():
            self.optimizer.build(self.trainable_variables)
            trackers = {name: keras.metrics.Mean(name) for name in ("accuracy", "cross_entropy")}
        state = {"label_smoothing": float(label_smoothing), "training_dtype": training_dtype}
        # Past Keras's tracker, which is locked once a model is built.
        for name, value in (state | {"_trackers": trackers}).items():
            object.__setattr__(self, name, value)

    @property
    def metrics(self):
        """The logged Keras metrics: loss, accuracy in [0, 1], and cross-entropy in nats."""
        trackers = getattr(self, "_trackers", None)
        return super().metrics if trackers is None else [self._loss_tracker, *trackers.values()]

    def train_step(self, data):
        """Does one step on a batch with labels; returns the logs."""
        images, labels = self._as_examples(data)
        with tf.GradientTape() as tape:
            features, moments = self.features.forward(tf.cast(images, self.training_dtype))
            loss, logits = self._loss(features, labels)
            scaled_loss = self.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, self.trainable_weights)
        step = tf.convert_to_tensor(self.optimizer.iterations)
        # Nothing moves in a step whose loss is not finite.
        with tf.control_dependencies([inputs.assert_finite({"cross-entropy": loss}, step)]):
            self.optimizer.apply(gradients, self.trainable_weights)
            self.features.observe(moments)
            return self._track(loss, logits, labels)

    def test_step(self, data):
        """Measures a batch with labels; returns the logs."""
        images, labels = self._as_examples(data)
        loss, logits = self._loss(self.features(images), labels)
        return self._track(loss, logits, labels)

    def predict_step(self, data):
        """Returns the class probabilities of a batch, with labels or without."""
        images, _, _ = inputs.unpack(data)
        return self(images)

    def _as_examples(self, data):
        images, context, labels = inputs.unpack(data)
        if context is not None:
            raise ValueError(
                "A classifier takes images and labels; this data has context images, which it "
                "would not see. Leave them out of the batches."
            )
        images = inputs.as_images(images, self.image_shape)
        with tf.control_dependencies(inputs.assert_equal_rows(tf.shape(images)[0])):
            return tf.identity(images), inputs.as_labels(labels, self.num_classes)

    def _loss(self, features, labels):
        logits = self.head_logits(features)
        targets = tf.one_hot(labels, self.num_classes)
        targets += self.label_smoothing * (1.0 / self.num_classes - targets)
        losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        return tf.reduce_mean(losses), logits

    def _track(self, loss, logits, labels):
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(labels)[0])
        is_right = tf.argmax(logits, axis=-1, output_type=tf.int32) == labels
        self._trackers["accuracy"].update_state(is_right)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        self._trackers["cross_entropy"].update_state(losses)
        return self.current_logs()

    def get_compile_config(self):
        """Returns the arguments of `compile`, or None before it."""
        if not self.compiled:
            return None
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "label_smoothing": self.label_smoothing,
            "training_dtype": self.training_dtype,
        }

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` says."""
        optimizer = keras.saving.deserialize_keras_object(config["optimizer"])
        self.compile(**(config | {"optimizer": optimizer}))
