"""Checks that run inside a served graph, because TensorFlow Serving itself checks only dtypes.

It runs a request of a wrong size, or with NaN, until some operation fails with a message of its
own, or gives nonsense. Each check here names the input, what was expected, and what came.
"""

import tensorflow as tf

__all__ = [
    "assert_equal_rows",
    "assert_finite",
    "assert_in_unit_range",
    "assert_not_negative",
    "assert_rows",
]

_MARK = "VAE Zoo:"


def assert_rows(values, row_shape, name):
    """Passes on `values` if they have shape `[N, *row_shape]` with N at least 1, else fails.

    Raises:
        tf.errors.InvalidArgumentError: Another rank, size, or no rows.
    """
    # A signature's static shape is a claim that nothing enforces; TensorFlow would compute the
    # checks from it and find them true. This operation makes it forget the claim.
    values = tf.raw_ops.PlaceholderWithDefault(input=values, shape=tf.TensorShape(None))
    shape = tf.shape(values)
    rank = 1 + len(row_shape)
    # Padded so that shapes of other ranks can be compared too.
    padded = tf.concat([shape, tf.fill([rank], -1)], axis=0)[:rank]
    is_valid = tf.equal(tf.size(shape), rank) & tf.reduce_all(padded[1:] == list(row_shape))
    wanted = ", ".join(["N", *map(str, row_shape)])
    message = f"{_MARK} `{name}` must have shape [{wanted}] with N at least 1. Received shape"
    values = _assert(is_valid & (padded[0] >= 1), [message, shape], values)
    return tf.ensure_shape(values, [None, *row_shape])


def assert_equal_rows(inputs):
    """Passes on a dict of tensors if all have equally many rows, else fails.

    Raises:
        tf.errors.InvalidArgumentError: They do not.
    """
    names = ", ".join(f"`{name}`" for name in inputs)
    numbers = tf.stack([tf.shape(values)[0] for values in inputs.values()])
    message = f"{_MARK} {names} must have equally many rows. Received numbers of rows"
    return _assert(tf.reduce_all(numbers == numbers[0]), [message, numbers], inputs)


def assert_in_unit_range(values, name):
    """Passes on floats in [0, 1]; fails on others and on NaN.

    Raises:
        tf.errors.InvalidArgumentError: A value out of range, or NaN.
    """
    # Written so that NaN, for which every comparison is false, fails too.
    is_valid = tf.reduce_all((values >= 0.0) & (values <= 1.0))
    message = (
        f"{_MARK} `{name}` must lie in [0, 1] and have no NaN; divide pixels of 0 to 255 by 255. "
        "Received values"
    )
    return _assert(is_valid, [message, *_describe(values)], values)


def assert_finite(values, name):
    """Passes on floats that are neither infinite nor NaN; fails on others.

    Raises:
        tf.errors.InvalidArgumentError: A value that is not finite.
    """
    is_valid = tf.reduce_all(tf.math.is_finite(values))
    message = f"{_MARK} `{name}` must be finite. Received values"
    return _assert(is_valid, [message, *_describe(values)], values)


def assert_not_negative(values, name):
    """Passes on finite floats of at least 0; fails on others.

    Raises:
        tf.errors.InvalidArgumentError: A value that is negative or not finite.
    """
    is_valid = tf.reduce_all((values >= 0.0) & tf.math.is_finite(values))
    message = f"{_MARK} `{name}` must be finite and at least 0. Received values"
    return _assert(is_valid, [message, *_describe(values)], values)


def _describe(values):
    number_of_nans = tf.reduce_sum(tf.cast(tf.math.is_nan(values), tf.int32))
    return ["from", tf.reduce_min(values), "to", tf.reduce_max(values), "NaN:", number_of_nans]


def _assert(condition, data, values):
    """Makes `values` wait for the condition, so that nothing runs on values that fail it."""
    with tf.control_dependencies([tf.debugging.Assert(condition, data, summarize=8)]):
        return tf.nest.map_structure(tf.identity, values)
