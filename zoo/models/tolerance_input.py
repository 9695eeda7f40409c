"""The tolerance as an input of a network, and the table that corrects what is asked for."""

import types

import keras
import numpy as np
import tensorflow as tf

__all__ = ["Calibration", "ToleranceInput"]

_NUM_BUMPS, _BUMP_WIDTH = 8, 0.35  # On a scale of log κ from -1 to 1.
_NUM_INPUTS = 17  # Of a calibration.
_LEAST_RISE = 1e-3  # Of log rmse from one input to the next: the table can always be inverted.


class ToleranceInput(keras.layers.Layer):
    """Turns tolerances into a scale and a shift for each channel of hidden states.

    The last layer starts at 0, so that a model starts as one without the input. A scale of hidden
    states by a function of log λ is what linear VAEs of all β have in common (Bae et al. 2022).

    Args:
        tolerance_range: The `zoo.tolerance_range.ToleranceRange` that is trained.
        sizes: Numbers of channels by name: an int, or a tuple of ints for several layers.

    Attributes:
        num_features: Number of the `features` that it gives.
    """

    num_features = 64

    def __init__(self, tolerance_range, sizes, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self._range = tolerance_range
        self._sizes = dict(sizes)
        self._flat_sizes = [2 * n for size in sizes.values() for n in _as_tuple(size)]
        self.hidden = keras.layers.Dense(
            self.num_features, activation="silu", dtype="float32", name="hidden"
        )
        self.modulations = keras.layers.Dense(
            sum(self._flat_sizes), kernel_initializer="zeros", dtype="float32", name="modulations"
        )
        self.hidden.build((None, 1 + _NUM_BUMPS))
        self.modulations.build((None, self.num_features))
        self.built = True

    def call(self, tolerances):
        """Returns `features` `[B, num_features]`, and by name (1 + γ, β), `[B, n]` each.

        Args:
            tolerances: Float32 `[B]`.
        """
        place = 2.0 * self._range.shares(tolerances)[:, None] - 1.0
        centres = tf.linspace(-1.0, 1.0, _NUM_BUMPS)
        bumps = tf.exp(-0.5 * ((place - centres) / _BUMP_WIDTH) ** 2)
        features = self.hidden(tf.concat([place, bumps], axis=-1))
        parts = iter(tf.split(self.modulations(features), self._flat_sizes, axis=-1))
        found = types.SimpleNamespace(features=features)
        for name, size in self._sizes.items():
            halves = [tf.split(next(parts), 2, axis=-1) for _ in _as_tuple(size)]
            pairs = tuple((1.0 + scale, shift) for scale, shift in halves)
            setattr(found, name, pairs if isinstance(size, tuple) else pairs[0])
        return found


class Calibration(keras.layers.Layer):
    """The tolerances to put into a network so that its error is what was asked for.

    A monotone table of the error that was measured at 17 inputs, read backwards, linear in logs;
    until one is measured, every tolerance is its own input.

    Args:
        tolerance_range: The `zoo.tolerance_range.ToleranceRange` that is trained.

    Attributes:
        inputs: The 17 inputs, NumPy `[17]`.
    """

    def __init__(self, tolerance_range, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.inputs = tolerance_range.points(_NUM_INPUTS)
        self._log_inputs = np.log(self.inputs).astype(np.float32)
        self.log_errors = self.add_weight(
            name="log_errors",
            shape=(_NUM_INPUTS,),
            initializer=lambda shape, dtype: tf.constant(self._log_inputs, dtype),
            trainable=False,
            aggregation="only_first_replica",
        )
        self.built = True

    def call(self, tolerances):
        """Returns the inputs for tolerances, float32 `[B]`."""
        log_errors = tf.convert_to_tensor(self.log_errors)
        passed = tf.math.log(tolerances)[:, None] - log_errors[:-1]
        shares = tf.clip_by_value(passed / (log_errors[1:] - log_errors[:-1]), 0.0, 1.0)
        steps = np.diff(self._log_inputs)
        return tf.exp(self._log_inputs[0] + tf.linalg.matvec(shares, steps))

    def store(self, errors):
        """Takes the root mean squared errors that were measured at the inputs, `[17]`."""
        rises = _LEAST_RISE * np.arange(_NUM_INPUTS)
        self.log_errors.assign(np.maximum.accumulate(np.log(errors) - rises) + rises)

    def forget(self):
        """Makes every tolerance its own input again."""
        self.log_errors.assign(self._log_inputs)

    @property
    def errors(self):
        """The errors in the table, increasing, NumPy `[17]`."""
        return np.exp(keras.ops.convert_to_numpy(self.log_errors).astype(np.float64))


def _as_tuple(size):
    return size if isinstance(size, tuple) else (size,)
