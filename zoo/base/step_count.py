"""The number of the training step, from which its noise is derived."""

import keras
import tensorflow as tf

__all__ = ["StepCount"]


class StepCount(keras.layers.Layer):
    """Counts training steps, one on all replicas; saved with the model that keeps it.

    An optimiser does not: it counts updates, none while gradients are accumulated or where a loss
    scale overflows, and its number may be set back. Steps of one number would share their noise.
    """

    def __init__(self):
        super().__init__(name="step_count")
        self._count = self.add_weight(
            name="count",
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.built = True

    def current(self, optimizer):
        """Returns the number of this step, int32, which is never below the optimiser's batches."""
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        num_batches = tf.cast(tf.convert_to_tensor(optimizer._iterations), tf.int32)
        return tf.maximum(tf.convert_to_tensor(self._count), num_batches)

    def advance(self, step):
        """Notes that the step was done."""
        self._count.assign(step + 1)

    def load_own_variables(self, store):
        """Loads the count; older files have none, and `current` then follows the optimiser's."""
        if "0" in store:
            super().load_own_variables(store)
