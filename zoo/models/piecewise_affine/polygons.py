"""The regions of a network of two latents: convex polygons, cut unit by unit.

Latent space begins as the square [-12, 12]², outside of which the prior has less than 1e-32. On a
polygon each unit of a layer is affine, so its zeros are a straight line, which cuts the polygon
in two. A polygon is `[corners, 2]`, counter-clockwise; one of fewer corners repeats its last.
"""

import math

import tensorflow as tf

from zoo.models.piecewise_affine import network

__all__ = ["HALF_SIDE", "find_polygons", "most_polygons"]

HALF_SIDE = 12.0
_LEAST_AREA = 1e-12


def most_polygons(hidden_units):
    """Returns how many regions there are at most: m lines cut a polygon into 1 + m + m(m-1)/2."""
    return math.prod(1 + m + m * (m - 1) // 2 for m in hidden_units)


def find_polygons(layers, negative_slope):
    """Returns the regions of a network whose first kernel is `[2, units]`.

    Returns:
        Polygons `[R, corners, 2]`, and the patterns, one `[R, units]` a hidden layer.
    """
    square = HALF_SIDE * tf.constant([[-1, -1], [1, -1], [1, 1], [-1, 1]], tf.float64)
    num_units = sum(bias.shape[0] for _, bias in layers[:-1])
    polygons = tf.concat([square, tf.repeat(square[-1:], num_units, axis=0)], axis=0)[None]
    patterns = []
    for index in range(len(layers) - 1):
        maps = network.affine_maps(layers[: index + 1], patterns, 2, tf.shape(polygons)[0])
        slopes, shifts = maps.outputs[-1]
        polygons, parents = _cut_by_all(polygons, slopes, shifts)
        patterns = [tf.gather(pattern, parents) for pattern in patterns]
        slopes, shifts = tf.gather(slopes, parents), tf.gather(shifts, parents)
        middles = tf.reduce_mean(polygons, axis=1)  # Of corners, some twice: inside all the same.
        values = tf.einsum("rud,rd->ru", slopes, middles) + shifts
        patterns.append(tf.where(values > 0, tf.ones_like(values), negative_slope))
    return polygons, patterns


def _cut_by_all(polygons, slopes, shifts):
    """Cuts polygons by the lines of all units; returns the parts and whose parts they are."""

    def cut(unit, polygons, parents):
        normals, offsets = tf.gather(slopes[:, unit], parents), tf.gather(shifts[:, unit], parents)
        heights = tf.einsum("rcd,rd->rc", polygons, normals) + offsets[:, None]
        parts = tf.concat([_clip(polygons, heights), _clip(polygons, -heights)], axis=0)
        is_there = _areas(parts) > _LEAST_AREA
        parents = tf.boolean_mask(tf.concat([parents, parents], axis=0), is_there)
        return unit + 1, tf.boolean_mask(parts, is_there), parents

    any_number = [None, *polygons.shape[1:]]
    _, polygons, parents = tf.while_loop(
        lambda unit, *_: unit < slopes.shape[1],
        cut,
        (tf.constant(0), polygons, tf.range(tf.shape(polygons)[0])),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape(any_number),
            tf.TensorShape([None]),
        ),
    )
    return polygons, parents


def _clip(polygons, heights):
    """Returns the parts of polygons where the heights, given at their corners, are positive."""
    num_corners = polygons.shape[1]
    following, next_heights = tf.roll(polygons, -1, axis=1), tf.roll(heights, -1, axis=1)
    is_crossed = heights * next_heights < 0
    share = heights / tf.where(is_crossed, heights - next_heights, tf.ones_like(heights))
    crossings = polygons + tf.where(is_crossed, share, 0.0)[..., None] * (following - polygons)
    # Each corner and the crossing behind it, if they are there; these move to the front.
    points = tf.stack([polygons, crossings], axis=2)
    points = tf.reshape(points, [-1, 2 * num_corners, 2])
    is_own = tf.reduce_any(polygons != tf.roll(polygons, 1, axis=1), axis=2) & (heights >= 0)
    is_there = tf.reshape(tf.stack([is_own, is_crossed], axis=2), [-1, 2 * num_corners])
    order = tf.argsort(tf.cast(~is_there, tf.int32), axis=1, stable=True)[:, :num_corners]
    last = tf.reduce_sum(tf.cast(is_there, tf.int32), axis=1, keepdims=True) - 1
    places = tf.minimum(tf.range(num_corners)[None], tf.maximum(last, 0))
    order = tf.gather(order, places, batch_dims=1)
    return tf.gather(points, order, batch_dims=1)


def _areas(polygons):
    following = tf.roll(polygons, -1, axis=1)
    cross = polygons[..., 0] * following[..., 1] - polygons[..., 1] * following[..., 0]
    return 0.5 * tf.reduce_sum(cross, axis=1)
