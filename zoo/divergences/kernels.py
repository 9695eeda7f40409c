"""Kernels k(a, b) = f(‖a - b‖²) between samples, with the derivatives of f that Stein needs."""

import tensorflow as tf

from zoo import checks
from zoo.errors import SettingError

__all__ = ["Kernel", "squared_distances"]

# Bandwidths by name, in a latent space of d dimensions. Two draws of N(0, I) are √(2d) apart.
_BANDWIDTHS = {
    "paper": lambda d: [d**2],
    "dimension": lambda d: [2 * d],
    "multiscale": lambda d: [d / 2, 2 * d, 8 * d],
}


def _rbf(squared, bandwidth):
    value = tf.exp(-squared / bandwidth)
    return value, -value / bandwidth, value / bandwidth**2


def _inverse_multiquadric(squared, bandwidth):
    value = 1.0 / (1.0 + squared / bandwidth)
    return value, -(value**2) / bandwidth, 2.0 * value**3 / bandwidth**2


_FORMS = {"rbf": _rbf, "inverse_multiquadric": _inverse_multiquadric}


class Kernel:
    """The mean over the bandwidths of one form of kernel, so that k(a, a) = 1.

    Args:
        form: `"rbf"`: exp(-‖a - b‖² / bandwidth), or `"inverse_multiquadric"`:
            1 / (1 + ‖a - b‖² / bandwidth).
        bandwidth: Squared length in the latents' own unit: a number above 0, several, `"paper"`
            (d²), `"dimension"` (2d) or `"multiscale"` (d/2, 2d and 8d).

    Raises:
        ValueError: Not among these.
    """

    def __init__(self, form, bandwidth):
        checks.choice("kernel", form, sorted(_FORMS))
        _check_bandwidth(bandwidth)
        self._form = _FORMS[form]
        self._bandwidth = bandwidth

    def bandwidths(self, dimension):
        """The bandwidths in a latent space of d dimensions, a list of floats."""
        if isinstance(self._bandwidth, str):
            return [float(b) for b in _BANDWIDTHS[self._bandwidth](dimension)]
        several = (
            self._bandwidth if isinstance(self._bandwidth, list | tuple) else [self._bandwidth]
        )
        return [float(b) for b in several]

    def derivatives(self, squared, dimension):
        """Returns f, f' and f'' at squared distances, each float32 of their shape."""
        each = [self._form(squared, b) for b in self.bandwidths(dimension)]
        return tuple(tf.add_n(list(values)) / len(each) for values in zip(*each, strict=True))

    def values(self, squared, dimension):
        """Returns f at squared distances, float32 of their shape."""
        return self.derivatives(squared, dimension)[0]


def _check_bandwidth(bandwidth):
    several = list(bandwidth) if isinstance(bandwidth, list | tuple) else [bandwidth]
    is_valid = isinstance(bandwidth, str) and bandwidth in _BANDWIDTHS
    if not is_valid and not (several and all(checks.is_number(b) and b > 0 for b in several)):
        expected = f"a number above 0, a list of them, or one of {sorted(_BANDWIDTHS)}"
        raise SettingError("bandwidth", expected, bandwidth)


def squared_distances(rows, columns):
    """Returns ‖a - b‖² for rows a `[N, d]` and columns b `[M, d]`, float32 `[N, M]`, at least 0.

    ‖a‖² + ‖b‖² - 2 a·b takes one matrix product, and no `[N, M, d]`, but loses the digits of
    samples far from 0; so both are first moved to the mean of the columns.
    """
    center = tf.stop_gradient(tf.reduce_mean(columns, axis=0))
    rows, columns = rows - center, columns - center
    norms = tf.reduce_sum(rows**2, axis=1)[:, None] + tf.reduce_sum(columns**2, axis=1)[None]
    return tf.maximum(norms - 2.0 * tf.matmul(rows, columns, transpose_b=True), 0.0)
