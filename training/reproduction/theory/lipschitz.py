"""Decoders that cannot change faster than L (Taming VAEs, Figure 7).

After each step of the iteration the reconstruction vectors are brought to satisfy
‖g_a - g_b‖ ≤ L ‖a - b‖ for pairs of tiles a, b: all (global), or those within a radius (local).

[choice] The paper solves a linear system with a graph Laplacian. Here pairs are projected in turn,
each to its bound, halfway from both sides; then all is shrunk towards the mean by the worst ratio
that is left, after which every pair satisfies its bound.
"""

import numpy as np
import tensorflow as tf

__all__ = ["constraint", "largest_ratio"]

_ROUNDING = 1e-6
_NEAR = 4  # Tiles.


def constraint(centers, constant, radius=None, sweeps=3, offsets=None):
    """Makes the function that brings g to the Lipschitz constraint, for `fixed_points.solve`.

    Pairs are projected in groups of tiles that are the same offset apart, alternating halves of
    which no two pairs share a tile; so a sweep is a handful of operations, not a million.

    Args:
        centers: Centres of square tiles, `[A, 2]`, as in `tiles.tile_centers`.
        constant: L, above 0.
        radius: Largest distance of a constrained pair; None for all pairs.
        sweeps: Passes over the offsets before the shrink.
        offsets: Offsets, in tiles, that are projected; None: all up to four tiles, and powers of
            two beyond. The shrink sees to all others.

    Returns:
        A function of g, `[K, A, 2]`, to g.

    Raises:
        ValueError: L is not above 0, or the tiles are no square.
    """
    side = round(len(centers) ** 0.5)
    if side**2 != len(centers):
        raise ValueError(f"centers must be a square of tiles. Received: {len(centers)} tiles")
    if not constant > 0:
        raise ValueError(f"constant must be above 0. Received: constant={constant}")
    width = 2.0 / side
    if offsets is None:
        reach = side if radius is None else radius * (1.0 + _ROUNDING) / width
        offsets = _default_offsets(reach)
    pairs = [pair for offset in offsets for pair in _pairs(side, offset)]
    limits = [constant * width * float(np.hypot(*offset)) for offset in offsets for _ in (0, 1)]
    ratio = _make_ratio(centers, radius)

    def project(reconstructions):
        for _ in range(sweeps):
            for (first, second), limit in zip(pairs, limits, strict=True):
                reconstructions = _project(reconstructions, first, second, limit)
        mean = tf.reduce_mean(reconstructions, axis=1, keepdims=True)
        worst = tf.maximum(ratio(reconstructions) / constant, 1.0) * (1.0 + _ROUNDING)
        return mean + (reconstructions - mean) / worst[:, None, None]

    return project


def largest_ratio(reconstructions, centers, radius=None):
    """Returns the largest ‖g_a - g_b‖ / ‖a - b‖ of `[K, A, 2]`, float32 `[K]`."""
    ratio = _make_ratio(np.asarray(centers), radius)
    return ratio(tf.constant(reconstructions, tf.float32)).numpy()


def _default_offsets(reach):
    """Offsets of either direction, as many of all lengths as the iteration needs.

    Without those such as (1, 2) their pairs stay beyond the limit however many the sweeps; the
    shrink then takes that from all of g at each step, and the iteration ends far from the data.
    """
    near = range(-_NEAR, _NEAR + 1)
    offsets = [(n, m) for n in near for m in near if (n, m) > (0, 0) and np.hypot(n, m) <= _NEAR]
    step = 2 * _NEAR
    while step < reach:
        offsets += [(step, 0), (0, step), (step, step), (step, -step)]
        step *= 2
    return [offset for offset in offsets if np.hypot(*offset) <= reach]


def _pairs(side, offset):
    """Returns the pairs of tiles an offset apart, in two halves that share no tile within."""
    rows, columns = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    other_rows, other_columns = rows + offset[0], columns + offset[1]
    inside = (other_rows < side) & (other_columns < side) & (other_columns >= 0)
    # Chains of tiles an offset apart: every second link of a chain is of one half.
    step = abs(offset[0]) or abs(offset[1])
    position = rows if offset[0] else columns
    is_even = (position // step) % 2 == 0
    halves = []
    for half in (inside & is_even, inside & ~is_even):
        first = rows[half] * side + columns[half]
        second = other_rows[half] * side + other_columns[half]
        halves.append((first, second))
    return halves


def _project(reconstructions, first, second, limit):
    if not len(first):
        return reconstructions
    one = tf.gather(reconstructions, first, axis=1)
    other = tf.gather(reconstructions, second, axis=1)
    difference = one - other
    length = tf.sqrt(tf.reduce_sum(difference**2, axis=2, keepdims=True))
    # Each moves half of what is beyond the limit.
    move = 0.5 * difference * tf.maximum(1.0 - limit / tf.maximum(length, 1e-30), 0.0)
    number = reconstructions.shape[1]
    place = np.full(number, len(first) + len(second), np.int64)
    place[first] = np.arange(len(first))
    place[second] = len(first) + np.arange(len(second))
    # Gathered, not scattered: the same on every device.
    moves = tf.concat([-move, move, tf.zeros_like(move[:, :1])], axis=1)
    return reconstructions + tf.gather(moves, place, axis=1)


def _make_ratio(centers, radius):
    distances = np.sqrt(((centers[:, None] - centers[None]) ** 2).sum(axis=2))
    is_pair = distances > 0
    if radius is not None:
        is_pair &= distances <= radius * (1.0 + 1e-6)
    inverse = np.where(is_pair, 1.0 / np.where(is_pair, distances, 1.0), 0.0)
    inverse_squares = tf.constant(inverse**2, tf.float32)

    def of_one(reconstructions):
        squares = sum(
            tf.math.squared_difference(reconstructions[:, None, k], reconstructions[None, :, k])
            for k in range(2)
        )
        return tf.sqrt(tf.reduce_max(squares * inverse_squares))

    return lambda reconstructions: tf.map_fn(of_one, reconstructions)
