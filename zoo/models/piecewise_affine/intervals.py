"""The regions of a network of one latent: intervals, found by a sweep through its layers.

On an interval each unit of a layer is affine, so it changes its sign once at most. Each interval is
cut at all of these zeros, clipped to it: into units + 1 parts, some of which may be empty. So the
number of intervals, Π (units + 1), is known beforehand, as XLA needs it.
"""

import math

import tensorflow as tf

from zoo.models.piecewise_affine import network

__all__ = ["find_intervals", "num_intervals"]


def num_intervals(hidden_units):
    """Returns how many intervals there are at most, the empty ones among them."""
    return math.prod(units + 1 for units in hidden_units)


def find_intervals(layers, negative_slope):
    """Returns the intervals of a network whose first kernel is `[1, units]`.

    Returns:
        Low and high ends, float64 `[R]`, the first -inf and the last inf, and the patterns, one
        `[R, units]` a hidden layer.
    """
    low = tf.constant([-math.inf], tf.float64)
    high = tf.constant([math.inf], tf.float64)
    patterns = []
    for index in range(len(layers) - 1):
        maps = network.affine_maps(layers[: index + 1], patterns, 1, low.shape[0])
        slopes, shifts = maps.outputs[-1][0][..., 0], maps.outputs[-1][1]
        low, high = _cut(low, high, slopes, shifts)
        parts = slopes.shape[1] + 1
        patterns = [tf.repeat(pattern, parts, axis=0) for pattern in patterns]
        slopes, shifts = tf.repeat(slopes, parts, axis=0), tf.repeat(shifts, parts, axis=0)
        values = slopes * _inside(low, high)[:, None] + shifts
        patterns.append(tf.where(values > 0, tf.ones_like(values), negative_slope))
    return low, high, patterns


def _cut(low, high, slopes, shifts):
    """Cuts intervals `[R]` at the zeros of their units `[R, units]`; gives `[R * (units + 1)]`."""
    zeros = -shifts / tf.where(slopes == 0, tf.ones_like(slopes), slopes)
    zeros = tf.where(slopes == 0, high[:, None], zeros)
    zeros = tf.sort(tf.clip_by_value(zeros, low[:, None], high[:, None]), axis=1)
    starts = tf.concat([low[:, None], zeros], axis=1)
    ends = tf.concat([zeros, high[:, None]], axis=1)
    return tf.reshape(starts, [-1]), tf.reshape(ends, [-1])


def _inside(low, high):
    """Returns a point inside of each interval, some number for an empty one."""
    finite_low = tf.where(
        tf.math.is_finite(low),
        low,
        tf.where(tf.math.is_finite(high), high - 2.0, -tf.ones_like(low)),
    )
    finite_high = tf.where(tf.math.is_finite(high), high, finite_low + 2.0)
    return 0.5 * (finite_low + finite_high)
