"""Integrals of normals over polygons: vertical strips, each by Gauss-Legendre quadrature.

Between the abscissae of its corners a polygon is bounded by two straight lines. There the integral
over the second latent is that of a truncated normal, in closed form, and the one over the first has
24 nodes. Strips are cut until none is wider than 3 deviations of the normal, nor its lines rise by
more than 8 over one: far out in the tails, too, nothing is lost. In latent space the strips and
nodes are the same for every image.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from zoo.models.piecewise_affine import truncated_normals
from zoo.models.piecewise_affine.polygons import HALF_SIDE

__all__ = ["Strips", "cut_into_strips", "draw", "integrate", "log_bounds", "take"]

_NODES, _WEIGHTS = (values / 2.0 for values in np.polynomial.legendre.leggauss(24))
_NODES = _NODES + 0.5
_THREE = np.array([0.0, 0.5, 1.0])
_MOST_DEVIATIONS, _MOST_RISE = 3.0, 8.0
_LEAST_WIDTH = 1e-13 * HALF_SIDE
_BISECTIONS = 40


class Strips(NamedTuple):
    """Parts of polygons between two abscissae and two lines `intercept + slope * z_1`.

    Attributes:
        region: Number of the polygon, int32 `[S]`.
        left, right: Abscissae, float64 `[S]`.
        bottom, top: Intercepts and slopes of the lines, float64 `[S, 2]`.
    """

    region: tf.Tensor
    left: tf.Tensor
    right: tf.Tensor
    bottom: tf.Tensor
    top: tf.Tensor


def take(strips, places):
    """Returns the strips at the places, `[N]`."""
    return Strips(*(tf.gather(each, places) for each in strips))


def cut_into_strips(polygons, scales):
    """Cuts polygons `[R, corners, 2]` into `Strips`.

    Args:
        polygons: As in `polygons`.
        scales: Lower Cholesky factors of the covariances of the normals to be integrated over each
            polygon, `[R, 2, 2]`.
    """
    abscissae = tf.sort(polygons[..., 0], axis=1)
    left, right = abscissae[:, :-1], abscissae[:, 1:]
    bottom, top = _lines(polygons, 0.5 * (left + right))
    region = tf.repeat(tf.range(tf.shape(left)[0]), left.shape[1])
    flat = (tf.reshape(each, [-1, *each.shape[2:]]) for each in (left, right, bottom, top))
    strips = Strips(region, *flat)
    is_there = strips.right - strips.left > _LEAST_WIDTH
    strips = Strips(*(tf.boolean_mask(each, is_there) for each in strips))
    return _cut_finer(strips, tf.gather(scales, strips.region))


def _lines(polygons, middles):
    """Returns the lower and the upper line of polygons at abscissae `[R, S]`, each `[R, S, 2]`."""
    following = tf.roll(polygons, -1, axis=1)
    run = following[..., 0] - polygons[..., 0]
    rise = following[..., 1] - polygons[..., 1]
    slopes = rise / tf.where(run == 0, tf.ones_like(run), run)
    lines = tf.stack([polygons[..., 1] - slopes * polygons[..., 0], slopes], axis=-1)
    sides = (polygons[:, None, :, 0] - middles[..., None]) * (
        following[:, None, :, 0] - middles[..., None]
    )
    # Counter-clockwise, the lower edges run to the right.
    is_met = sides < 0
    found = (is_met & (run > 0)[:, None], is_met & (run < 0)[:, None])
    edges = (tf.argmax(tf.cast(is_edge, tf.int32), axis=2) for is_edge in found)
    return tuple(tf.gather(lines, edge, batch_dims=1) for edge in edges)


def _cut_finer(strips, scales):
    """Cuts strips into equal parts, so narrow that 24 nodes are plenty for each."""
    widths = (strips.right - strips.left) / scales[:, 0, 0]
    ramps = [_in_deviations(line[:, 1], scales) for line in (strips.bottom, strips.top)]
    steepest = tf.maximum(*map(tf.abs, ramps))
    numbers = widths * tf.maximum(steepest / _MOST_RISE, 1.0 / _MOST_DEVIATIONS)
    numbers = tf.cast(tf.math.ceil(numbers), tf.int32)
    strips = Strips(*(tf.repeat(each, numbers, axis=0) for each in strips))
    parts = tf.cast(tf.repeat(numbers, numbers), tf.float64)
    starts = tf.repeat(tf.cumsum(numbers, exclusive=True), numbers)
    place = tf.cast(tf.range(tf.shape(starts)[0]) - starts, tf.float64)
    width = (strips.right - strips.left) / parts
    left = strips.left + place * width
    return strips._replace(left=left, right=left + width)


def _in_deviations(slopes, scales):
    """Returns slopes of lines after whitening by the Cholesky factors."""
    return (slopes * scales[:, 0, 0] - scales[:, 1, 0]) / scales[:, 1, 1]


def integrate(strips, means, scales):
    """Integrates normals over strips.

    Args:
        strips: `Strips`.
        means: Means of the normals, float64 `[S, 2]`.
        scales: Lower Cholesky factors of their covariances, `[S, 2, 2]`.

    Returns:
        Log mass `[S]`, and mean `[S, 2]` and second moment `[S, 2, 2]` of the truncated normals.
    """
    first, low, high = _whitened(strips, means, scales, strips.right)
    log_inner, second, second_square = truncated_normals.moments(low, high)
    log_values = truncated_normals.log_normal_density(first) + log_inner
    log_values += tf.math.log(_WEIGHTS * ((strips.right - strips.left) / scales[:, 0, 0])[:, None])
    log_total = tf.reduce_logsumexp(log_values, axis=1)
    safe = tf.where(tf.math.is_finite(log_total), log_total, tf.zeros_like(log_total))
    shares = tf.exp(log_values - safe[:, None])
    average = [
        tf.reduce_sum(shares * values, axis=1)
        for values in (first, second, first**2, first * second, second_square)
    ]
    white_mean = tf.stack(average[:2], axis=1)
    white_square = tf.reshape(tf.stack([average[i] for i in (2, 3, 3, 4)], axis=1), [-1, 2, 2])
    offset = tf.linalg.matvec(scales, white_mean)
    square = tf.matmul(tf.matmul(scales, white_square), scales, transpose_b=True)
    cross = means[:, :, None] * offset[:, None, :]
    square += cross + tf.linalg.matrix_transpose(cross) + means[:, :, None] * means[:, None, :]
    return log_total, means + offset, square


def _whitened(strips, means, scales, right, places=_NODES):
    """Returns the nodes between `left` and `right` and the ends there, whitened, `[S, nodes]`."""
    nodes = strips.left[:, None] + (right - strips.left)[:, None] * places
    first = (nodes - means[:, :1]) / scales[:, :1, 0]
    ends = (
        (line[:, :1] + line[:, 1:] * nodes - means[:, 1:] - scales[:, 1:, 0] * first)
        / scales[:, 1:, 1]
        for line in (strips.bottom, strips.top)
    )
    return (first, *ends)


def draw(strips, means, scales, uniforms):
    """Draws a point from the normal truncated to each strip, `[S, 2]`, by its inverse.

    Args:
        strips: As in `integrate`.
        means: As in `integrate`.
        scales: As in `integrate`.
        uniforms: Numbers uniform in (0, 1), float64 `[S, 2]`.
    """

    def log_mass_until(right):
        first, low, high = _whitened(strips, means, scales, right)
        values = truncated_normals.log_normal_density(first)
        values += truncated_normals.log_mass(low, high)
        return tf.reduce_logsumexp(values + np.log(_WEIGHTS), axis=1) + tf.math.log(
            right - strips.left
        )

    wanted = log_mass_until(strips.right) + tf.math.log(uniforms[:, 0])

    def halve(step, low, high):
        middle = 0.5 * (low + high)
        is_beyond = log_mass_until(middle) > wanted
        return step + 1, tf.where(is_beyond, low, middle), tf.where(is_beyond, middle, high)

    _, low, high = tf.while_loop(
        lambda step, *_: step < _BISECTIONS,
        halve,
        (tf.constant(0), strips.left, strips.right),
    )
    first = 0.5 * (low + high)
    white = (first - means[:, 0]) / scales[:, 0, 0]
    ends = (
        (line[:, 0] + line[:, 1] * first - means[:, 1] - scales[:, 1, 0] * white) / scales[:, 1, 1]
        for line in (strips.bottom, strips.top)
    )
    second = truncated_normals.quantile(*ends, uniforms[:, 1])
    return tf.stack([first, means[:, 1] + scales[:, 1, 0] * white + scales[:, 1, 1] * second], 1)


def log_bounds(strips, means, scales):
    """Returns about the least and certainly the most that the log mass of each strip is, `[S]`.

    The least is by one node, which may be too much by a few nats; the most by the distance of the
    strip from the mean.
    """
    left, right = ((end - means[:, 0]) / scales[:, 0, 0] for end in (strips.left, strips.right))
    middle, low, high = _whitened(strips, means, scales, strips.right, _THREE)
    least = truncated_normals.log_normal_density(middle[:, 1])
    least += truncated_normals.log_mass(low[:, 1], high[:, 1]) + tf.math.log(right - left)
    across = _distance(tf.reduce_min(low, axis=1), tf.reduce_max(high, axis=1))
    return least, -0.5 * (_distance(left, right) ** 2 + across**2)


def _distance(low, high):
    """Returns the distance of 0 from intervals."""
    return tf.maximum(tf.maximum(low, -high), 0.0)
