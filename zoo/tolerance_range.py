"""A range of tolerances κ: what may be asked for, what training draws, and what lies between."""

import numpy as np
import tensorflow as tf

from zoo import checks
from zoo.errors import SettingError

__all__ = ["ToleranceRange", "check_range"]

# [choice] Training goes this much beyond either end: the outermost knots of a table learn from one
# side only, and are the farthest off.
_MARGIN = 1.15
_NUM_MEASURED = 5


def check_range(name, value):
    """Checks (least, most) tolerances, 0 < least < most <= 1; returns a tuple of floats.

    Raises:
        SettingError: It is no such pair.
    """
    ends = tuple(value) if isinstance(value, list | tuple | np.ndarray) else ()
    if len(ends) != 2 or not all(map(checks.is_number, ends)) or not 0 < ends[0] < ends[1] <= 1:
        expected = "(least, most) tolerances for pixels in [0, 1], 0 < least < most <= 1"
        raise SettingError(name, expected, value, "For a single tolerance pass a number.")
    return float(ends[0]), float(ends[1])


class ToleranceRange:
    """Tolerances from `least` to `most`, on a scale of log κ.

    Attributes:
        least, most: The ends, in pixel units.
    """

    def __init__(self, least, most):
        self.least, self.most = least, most

    def __str__(self):
        return f"{self.least:g} to {self.most:g}"

    @property
    def middle(self):
        """The geometric mean of the ends."""
        return float(np.sqrt(self.least * self.most))

    @property
    def trained(self):
        """The wider range that training draws from."""
        return ToleranceRange(self.least / _MARGIN, self.most * _MARGIN)

    def points(self, num):
        """Returns `num` tolerances, evenly spaced in log κ; the middle where there is one alone."""
        if num == 1:
            return np.array([self.middle])
        return np.geomspace(self.least, self.most, num)

    @property
    def measured(self):
        """The five tolerances that a model is measured at, NumPy `[5]`; the third is the middle."""
        return self.points(_NUM_MEASURED)

    def contains(self, tolerances):
        """Whether each is within, but for rounding; NaN is not. NumPy or tensors of float32."""
        least, most = np.float32(self.least * (1 - 1e-6)), np.float32(self.most * (1 + 1e-6))
        return (tolerances >= least) & (tolerances <= most)

    def at(self, shares):
        """Returns the tolerances at shares of the way from `least` to `most` in log κ."""
        return self.least * tf.exp(shares * self._log_width)

    def shares(self, tolerances):
        """The inverse of `at`, float32."""
        return tf.math.log(tolerances / self.least) / self._log_width

    def hats(self, tolerances, num):
        """Returns the weights of linear interpolation in log κ between `points(num)`.

        Args:
            tolerances: Float32 `[B]`; beyond an end it is the end's point that counts.
            num: Number of points.

        Returns:
            Float32 `[B, num]`, each row at least 0, with sum 1.
        """
        places = tf.clip_by_value(self.shares(tolerances), 0.0, 1.0) * (num - 1.0)
        distances = tf.abs(places[:, None] - tf.range(num, dtype=tf.float32))
        return tf.nn.relu(1.0 - distances)

    @property
    def _log_width(self):
        return np.float32(np.log(self.most / self.least))
