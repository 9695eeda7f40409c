"""A callback that ends training once a measure or a weight is not finite."""

import math

import keras
import numpy as np
import tensorflow as tf

__all__ = ["StopIfNotFinite"]


class StopIfNotFinite(keras.callbacks.Callback):
    """Raises at the end of an epoch whose logs or weights are not finite.

    A step fails by itself, before it moves anything, if a term of its loss is not finite. This is
    for what a step cannot see: a gradient that is not finite, and any of it under XLA, which has
    no assertions. `fit` puts it before the callbacks that save.

    Raises:
        ValueError: Names what is not finite.
    """

    def on_epoch_end(self, epoch, logs=None):
        """Checks the epoch's logs, then the trainable weights."""
        bad = [f"{k} = {np.squeeze(v)}" for k, v in (logs or {}).items() if not _is_finite(v)]
        weights = self.model.trainable_weights
        bad += [w.path for w in weights if not bool(tf.reduce_all(tf.math.is_finite(w)))]
        if bad:
            raise ValueError(
                f"At the end of epoch {epoch + 1} these are not finite: {', '.join(bad[:5])}. "
                "Go back to the last checkpoint and train with a lower learning rate or with "
                "clipnorm=; without jit_compile=True the step is named."
            )


def _is_finite(value):
    return math.isfinite(float(np.squeeze(value)))
