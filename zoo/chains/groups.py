"""Arithmetic on tuples of tensors `[B, ...]`: the groups of latents that chains walk in."""

import tensorflow as tf

__all__ = ["add", "per_row", "square_length", "subtract"]


def add(*groups):
    """Returns the sums of tuples, group by group."""
    return tuple(map(tf.add_n, zip(*groups, strict=True)))


def subtract(groups, others):
    """Returns the differences of two tuples, group by group."""
    return tuple(a - b for a, b in zip(groups, others, strict=True))


def square_length(groups):
    """Returns the squared length of each row over all groups, `[B]`."""
    return tf.add_n([tf.reduce_sum(g**2, axis=list(range(1, g.shape.rank))) for g in groups])


def per_row(values, like):
    """Shapes a scalar or `[B]` so that each row of `like` meets one value."""
    return tf.reshape(values, [-1] + [1] * (like.shape.rank - 1))
