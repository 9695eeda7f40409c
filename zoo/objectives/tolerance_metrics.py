"""Keras metrics of a model for a range of tolerances: means at five of them.

A mean over rows of mixed tolerances is no point of the rate-distortion curve. So a row counts at
the tolerances beside its own, as in linear interpolation of log κ; `evaluate` asks for these alone,
where its means are exact.
"""

import keras
import tensorflow as tf

__all__ = ["RateDistortionCurve", "WorstMeanAtTolerances"]


class _MeansAtTolerances(keras.metrics.Metric):
    """Means of several values at each of five tolerances.

    Args:
        tolerance_range: A `zoo.tolerance_range.ToleranceRange`.
        name: Of the metric.
        num_values: Number of values a row.
    """

    def __init__(self, tolerance_range, name, num_values):
        super().__init__(name=name)
        self._range = tolerance_range
        self.points = tolerance_range.measured
        shape = (num_values, len(self.points))
        self._totals = self.add_variable(shape, "zeros", name="totals")
        self._weights = self.add_variable(shape[1:], "zeros", name="weights")

    def update_state(self, values, tolerances):
        """Adds rows: values `[num_values, B]` and their tolerances `[B]`."""
        hats = self._range.hats(tolerances, len(self.points))
        self._totals.assign_add(tf.matmul(values, hats))
        self._weights.assign_add(tf.reduce_sum(hats, axis=0))

    def means(self):
        """Returns the means, `[num_values, 5]`; 0 where there were no rows."""
        weights = tf.convert_to_tensor(self._weights)
        return tf.math.divide_no_nan(tf.convert_to_tensor(self._totals), weights)


class RateDistortionCurve(_MeansAtTolerances):
    """Logs rate and rmse at five tolerances: `rate_0.06`, `rmse_0.06`, ...

    Those at the middle, the tolerance that methods take by default, also as `rate`, `rmse` and
    `distortion`.
    """

    def __init__(self, tolerance_range, name="curve"):
        super().__init__(tolerance_range, name, num_values=3)

    def update_state(self, record):
        """Adds the rows of a `zoo.Record`."""
        relative = record.squared_error / record.tolerance**2
        values = tf.stack([record.rate, record.distortion, relative])
        super().update_state(values, record.tolerance)

    def result(self):
        """Returns a dict of name to scalar: nats an image, and pixel units."""
        rates, distortions, relative = tf.unstack(self.means())
        errors = tf.sqrt(relative) * self.points.astype("float32")
        middle = len(self.points) // 2
        logs = {"rate": rates[middle], "distortion": distortions[middle], "rmse": errors[middle]}
        for name, values in (("rate", rates), ("rmse", errors)):
            pairs = zip(self.points, tf.unstack(values), strict=True)
            logs |= {f"{name}_{tolerance:.3g}": value for tolerance, value in pairs}
        return logs


class WorstMeanAtTolerances(_MeansAtTolerances):
    """The largest of the means at five tolerances."""

    def __init__(self, tolerance_range, name):
        super().__init__(tolerance_range, name, num_values=1)

    def update_state(self, values, tolerances):
        """Adds rows: values `[B]` and their tolerances `[B]`."""
        super().update_state(values[None], tolerances)

    def result(self):
        """Returns a scalar."""
        has_rows = tf.convert_to_tensor(self._weights) > 0.0
        return tf.reduce_max(tf.where(has_rows, self.means()[0], -float("inf")))
