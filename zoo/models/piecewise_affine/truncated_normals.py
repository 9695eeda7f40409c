"""Standard normals truncated to intervals: mass, moments, quantiles, accurate far out in the tails.

All arguments are float64 tensors of one shape, ends `low <= high`, which may be infinite. An
interval right of 0 is mirrored, so that only the left tail is ever evaluated.
"""

import math

import tensorflow as tf

__all__ = ["log_mass", "log_normal_density", "moments", "quantile"]

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
_NEWTON_STEPS = 4
_FAR, _TERMS = 12.0, 12
_LOG_FAR = -30.0  # Of a tail, below which the quantile starts from its asymptote.


def log_normal_density(values):
    """Returns log N(values; 0, 1)."""
    return -0.5 * values**2 - _HALF_LOG_2PI


def log_mass(low, high):
    """Returns log(Φ(high) - Φ(low)), -inf where the interval is empty."""
    low, high, _ = _mirrored(low, high)
    return _log_difference(_log_cdf(low), _log_cdf(high))


def moments(low, high):
    """Returns log mass, mean and second moment of a standard normal in the intervals.

    Where an interval is empty its log mass is -inf and the moments are those of its low end.
    """
    is_empty = low >= high
    log_total = tf.where(is_empty, tf.cast(-math.inf, low.dtype), log_mass(low, high))
    safe = tf.where(tf.math.is_finite(log_total), log_total, tf.zeros_like(log_total))
    of_low, of_high = (_end(end, safe) for end in (low, high))
    mean = of_low[0] - of_high[0]
    second = 1.0 + of_low[1] - of_high[1]
    # By rounding they may leave the interval, of a narrow one by much.
    mean = tf.clip_by_value(mean, low, high)
    most = tf.maximum(low**2, high**2)
    least = tf.where((low < 0) & (high > 0), tf.zeros_like(low), tf.minimum(low**2, high**2))
    second = tf.clip_by_value(tf.maximum(second, mean**2), least, most)
    finite = tf.where(tf.math.is_finite(low), low, tf.zeros_like(low))
    is_there = tf.math.is_finite(log_total)
    return log_total, tf.where(is_there, mean, finite), tf.where(is_there, second, finite**2)


def quantile(low, high, uniforms):
    """Returns the values below which the share `uniforms` of the intervals' mass lies."""
    low, high, is_mirrored = _mirrored(low, high)
    share = tf.where(is_mirrored, 1.0 - uniforms, uniforms)
    of_low, of_high = _log_cdf(low), _log_cdf(high)
    log_below = of_high + tf.math.log(share + (1.0 - share) * tf.exp(of_low - of_high))
    values = tf.clip_by_value(_inverse_log_cdf(log_below), low, high)
    return tf.where(is_mirrored, -values, values)


def _mirrored(low, high):
    """Returns the intervals with those right of 0 mirrored, and which these are."""
    is_right = low > 0
    return tf.where(is_right, -high, low), tf.where(is_right, -low, high), is_right


def _log_cdf(values):
    """Returns log Φ with all digits, however far to the left: there by its asymptotic series."""
    size = tf.minimum(tf.abs(values), 1e150)
    tail = 0.5 * tf.math.erfc(tf.minimum(size, _FAR) / math.sqrt(2.0))
    near = tf.where(values > 0, tf.math.log1p(-tail), tf.math.log(tail))
    size = tf.maximum(size, _FAR)
    series = tf.ones_like(size)
    for term in reversed(range(_TERMS)):
        series = 1.0 - (2 * term + 1) * series / size**2
    far = log_normal_density(size) - tf.math.log(size) + tf.math.log(series)
    return tf.where(values < -_FAR, far, near)


def _log_difference(log_low, log_high):
    difference = tf.minimum(log_low - log_high, 0.0)
    return log_high + tf.math.log(-tf.math.expm1(difference))


def _end(end, log_total):
    """Returns φ(end) / mass, and that times the end; 0 at infinity."""
    finite = tf.where(tf.math.is_finite(end), end, tf.zeros_like(end))
    ratio = tf.exp(log_normal_density(finite) - log_total)
    ratio = tf.where(tf.math.is_finite(end), ratio, tf.zeros_like(ratio))
    return ratio, finite * ratio


def _inverse_log_cdf(log_cdf):
    """Solves log Φ(t) = log_cdf by Newton's steps; log Φ is concave, so they converge."""
    near = tf.math.ndtri(tf.exp(tf.maximum(log_cdf, _LOG_FAR)))
    depth = tf.maximum(-log_cdf, 1.0)
    far = -tf.sqrt(tf.maximum(2.0 * depth - tf.math.log(4.0 * math.pi * depth), 0.0))
    values = tf.where(log_cdf > _LOG_FAR, near, far)
    for _ in range(_NEWTON_STEPS):
        current = _log_cdf(values)
        hazard = tf.exp(log_normal_density(values) - current)
        step = (current - log_cdf) / tf.maximum(hazard, 1e-300)
        # To the right of the median the first guess is exact, and log Φ is flat.
        values = tf.where(log_cdf < math.log(0.5), values - step, values)
    return values
