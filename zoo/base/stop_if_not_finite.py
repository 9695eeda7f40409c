"""A callback that ends training, or keeps it from beginning, where something is not finite."""

import math

import keras
import numpy as np
import tensorflow as tf

from zoo.errors import BatchError

__all__ = ["StopIfNotFinite"]


class StopIfNotFinite(keras.callbacks.Callback):
    """Raises before training if a weight is not finite, and after an epoch if a measure is not.

    A step fails by itself, before it moves anything, if a term of its loss is not finite. This is
    for what a step cannot see: a gradient that is not finite, and any of it under XLA, which has
    no assertions. `fit` puts it before the callbacks that save.

    Raises:
        BatchError: Names what is not finite.
    """

    def on_train_begin(self, logs=None):
        """Checks the trainable weights that training would start from."""
        bad = self._bad_weights()
        if bad:
            raise BatchError(
                f"These weights are not finite, so training did not begin: {', '.join(bad[:5])}. "
                "Load weights that are, or make the model anew."
            )

    def on_epoch_end(self, epoch, logs=None):
        """Checks the epoch's logs, then the trainable weights."""
        bad = [f"{k} = {np.squeeze(v)}" for k, v in (logs or {}).items() if not _is_finite(v)]
        bad += self._bad_weights()
        if bad:
            raise BatchError(
                f"At the end of epoch {epoch + 1} these are not finite: {', '.join(bad[:5])}. "
                "Go back to the last checkpoint and train with a lower learning rate or with "
                "clipnorm=; without jit_compile=True the step is named."
            )

    def _bad_weights(self):
        weights = self.model.trainable_weights
        return [w.path for w in weights if not bool(tf.reduce_all(tf.math.is_finite(w)))]


def _is_finite(value):
    return math.isfinite(float(np.squeeze(value)))
