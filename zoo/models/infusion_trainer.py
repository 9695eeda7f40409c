"""Infusion training: compile, the training step, the logs."""

import keras
import tensorflow as tf

from zoo import random
from zoo.base import inputs
from zoo.base.checked_model import CheckedModel

__all__ = ["InfusionTrainer"]

_TRAIN, _TEST = 0, 1  # Tags that keep the noise of training and of evaluation apart.


class InfusionTrainer(CheckedModel):
    """What `zoo.InfusionModel` is trained by.

    A subclass has `image_shape`, `num_steps`, and `chain(noise, data)`, which gives the transition
    of each step of a chain infused with data.
    """

    def compile(self, optimizer="adam", seed=0, **kwargs):
        """Prepares the model for `fit`.

        Args:
            optimizer: A Keras optimiser or its name.
            seed: An int or two ints; with the optimiser's step count it fixes all of `fit`'s noise.
            **kwargs: As in `keras.Model.compile`.

        Raises:
            ValueError: A loss, metrics or an objective is given: infusion training has its own.
        """
        own = {"loss", "loss_weights", "metrics", "weighted_metrics", "objective"}
        refused = sorted(set(kwargs) & own)
        if refused:
            raise ValueError(
                "Infusion training has a loss of its own, the distortions of all steps: leave out "
                f"{refused}."
            )
        # Keras would choose XLA on a GPU, which drops the assertions that name bad values.
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=keras.optimizers.get(optimizer), **kwargs)
        with self.distribute_strategy.scope():
            state = {
                "_trackers": (
                    keras.metrics.Mean("distortion"),
                    keras.metrics.RootMeanSquaredError("rmse"),
                ),
                "_test_step_count": keras.Variable(
                    0, dtype="int32", trainable=False, aggregation="only_first_replica"
                ),
                "_noise_seed": random.as_seed(seed),
            }
            self.optimizer.build(self.trainable_variables)
        # Past Keras's tracker, which is locked once a model is built.
        for name, value in state.items():
            object.__setattr__(self, name, value)

    @property
    def metrics(self):
        """The logged Keras metrics: loss and distortion in nats an image, rmse in pixel units."""
        trackers = getattr(self, "_trackers", None)
        return super().metrics if trackers is None else [self._loss_tracker, *trackers]

    def reset_metrics(self):
        """Resets the metrics and the noise of evaluation, so that `evaluate` repeats itself."""
        super().reset_metrics()
        if hasattr(self, "_test_step_count"):
            self._test_step_count.assign(0)

    def train_step(self, data):
        """Does one step on a batch; returns the logs."""
        step = tf.cast(tf.convert_to_tensor(self.optimizer.iterations), tf.int32)
        with tf.GradientTape() as tape:
            images, distortions, last = self._measure(data, _TRAIN, step)
            check = inputs.assert_finite({"distortion": distortions}, step)
            with tf.control_dependencies([check]):
                loss = self._loss(distortions)
            scaled_loss = self.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, self.trainable_weights)
        # In a graph gradients do not wait for the loss: without this a failed step would move.
        with tf.control_dependencies([check]):
            self.optimizer.apply(gradients, self.trainable_weights)
            return self._track(images, distortions, last, loss)

    def test_step(self, data):
        """Measures a batch as `train_step` would, and changes nothing."""
        step = tf.convert_to_tensor(self._test_step_count)
        images, distortions, last = self._measure(data, _TEST, step)
        self._test_step_count.assign(step + 1)
        return self._track(images, distortions, last, self._loss(distortions))

    def _measure(self, data, purpose, step):
        """Runs infused chains; gives images, each step's distortions `[T, B]`, the last's means."""
        images, context, _ = inputs.unpack(data)
        if context is not None:
            raise ValueError(
                "An InfusionModel takes images; this data has context images, which it would not "
                "see. Leave them out of the batches."
            )
        images = inputs.as_images(images, self.image_shape)
        num_rows = images.shape[0] or tf.shape(images)[0]
        seed = random.derive(random.derive(self._noise_seed, purpose), step)
        with tf.control_dependencies(inputs.assert_equal_rows(num_rows)):
            chain = self.chain(random.StepNoise(seed, num_rows), images)
        return images, -tf.stack([p.log_prob(images) for p in chain]), chain[-1].mean()

    def _loss(self, distortions):
        """Σ_t t/T · mean distortion: later steps count more, as in the paper."""
        weights = tf.range(1, self.num_steps + 1, dtype=tf.float32) / self.num_steps
        return tf.reduce_sum(weights * tf.reduce_mean(distortions, axis=1))

    def _track(self, images, distortions, last, loss):
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(images)[0])
        distortion, rmse = self._trackers
        distortion.update_state(distortions[-1])
        rmse.update_state(images, last)
        return self.current_logs()

    def get_compile_config(self):
        """Returns the arguments of `compile`, or None before it."""
        if not self.compiled:
            return None
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "seed": [int(word) for word in self._noise_seed],
        }

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` says."""
        optimizer = keras.saving.deserialize_keras_object(config["optimizer"])
        self.compile(**(config | {"optimizer": optimizer}))
