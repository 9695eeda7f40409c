"""Checks that run inside a served graph, because TensorFlow Serving itself checks only dtypes.

It runs a request of a wrong size, or with NaN, until some operation fails with a message of its
own, or gives nonsense. Each check here names the input, what was expected, and what came.

A batching server concatenates the requests of several clients, so there are two kinds of checks:

- of rank and size, which all rows share: assertions, which fail the request (`assert_*`);
- of values, which one row may have wrong: they replace the row by a harmless one and give a
  message, and its answer is blanked at the end. Only if all rows are faulty is there nobody whose
  valid request could suffer, and the request fails.
"""

import tensorflow as tf

from zoo.errors import MARK
from zoo.pixel_range import remedies

__all__ = [
    "assert_equal_rows",
    "assert_rows",
    "blank_faulty",
    "check_answers",
    "check_finite",
    "check_not_negative",
    "check_tolerance",
    "check_unit_range",
    "first_error",
    "no_errors",
]

_MOST_MESSAGES = 8  # Of a request that fails: the clients whose rows it holds each find theirs.


# === What all rows share ===


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
    message = f"{MARK} `{name}` must have shape [{wanted}] with N at least 1. Received shape"
    values = _assert(is_valid & (padded[0] >= 1), [message, shape], values)
    return tf.ensure_shape(values, [None, *row_shape])


def assert_equal_rows(inputs):
    """Passes on a dict of tensors if all have equally many rows, else fails.

    Raises:
        tf.errors.InvalidArgumentError: They do not.
    """
    names = ", ".join(f"`{name}`" for name in inputs)
    numbers = tf.stack([tf.shape(values)[0] for values in inputs.values()])
    message = f"{MARK} {names} must have equally many rows. Received numbers of rows"
    return _assert(tf.reduce_all(numbers == numbers[0]), [message, numbers], inputs)


def _assert(condition, data, values):
    """Makes `values` wait for the condition, so that nothing runs on values that fail it."""
    with tf.control_dependencies([tf.debugging.Assert(condition, data, summarize=_MOST_MESSAGES)]):
        return tf.nest.map_structure(tf.identity, values)


# === What a row may have wrong ===


def check_unit_range(values, name):
    """Checks that floats lie in [0, 1]; NaN does not.

    Args:
        values: Floats `[N, ...]`.
        name: Of the input.

    Returns:
        The values, in faulty rows 0, and the errors, string `[N]`: "" for a good row.
    """
    # Written so that NaN, for which every comparison is false, is faulty too.
    is_valid = (values >= 0.0) & (values <= 1.0)

    def message():
        def of_rows(is_any):
            return tf.reduce_any(is_any, range(1, values.shape.rank))

        remedy = ""
        for fits, text in reversed(remedies(f"`{name}`", values, of_rows, levels="")):
            remedy = tf.where(fits, text, remedy)
        start = f"{MARK} `{name}` must lie in [0, 1] and have no NaN; "
        return tf.strings.join([start, remedy, ". Received values"])

    return _replace_faulty(values, is_valid, 0.0, message)


def check_finite(values, name):
    """Checks that floats are neither infinite nor NaN; as `check_unit_range`."""
    is_valid = tf.math.is_finite(values)
    return _replace_faulty(
        values, is_valid, 0.0, f"{MARK} `{name}` must be finite. Received values"
    )


def check_not_negative(values, name):
    """Checks that floats are finite and at least 0; as `check_unit_range`, but replaced by 1."""
    is_valid = (values >= 0.0) & tf.math.is_finite(values)
    message = f"{MARK} `{name}` must be finite and at least 0. Received values"
    return _replace_faulty(values, is_valid, 1.0, message)


def check_tolerance(values, tolerances, name):
    """Checks that floats lie in a range, which is named; as `check_unit_range`.

    A faulty one is replaced by the range's middle.
    """
    message = f"{MARK} `{name}` must lie in this model's range, {tolerances}. Received values"
    is_valid = tolerances.contains(values)
    return _replace_faulty(values, is_valid, tolerances.middle, message)


def check_mask(values, name):
    """Checks that some pixel of each row is seen; as `check_unit_range`, but replaced by 1."""
    is_seen = tf.reduce_any(values > 0.5, axis=range(1, values.shape.rank), keepdims=True)
    message = f"{MARK} `{name}` must be 1 at a pixel that is seen, and finite. Received values"
    return _replace_faulty(values, tf.math.is_finite(values) & is_seen, 1.0, message)


def no_errors(values):
    """Returns the errors of values any of which will do: string `[N]`, all of them ""."""
    return tf.fill(tf.shape(values)[:1], "")


def check_answers(outputs, names):
    """Returns the errors of rows whose inputs pass but are too large for a finite answer.

    Args:
        outputs: Dict of tensors `[N, ...]`, floats or strings; a string is "" where there is no
            answer. The logarithm of a probability may be -inf.
        names: Of the inputs.

    Returns:
        String `[N]`, "" for a good row.
    """
    inputs = ", ".join(f"`{name}`" for name in names)
    message = f"{MARK} the answer is not finite: values of {inputs} are too large for this model"
    is_answered = [_is_answered(name, values) for name, values in outputs.items()]
    return tf.where(tf.reduce_all(is_answered, axis=0), "", message)


def _is_answered(name, values):
    """Says of each row whether it is an answer, bool `[N]`."""
    if values.dtype == tf.string:
        return values != ""
    is_good = tf.math.is_finite(values)
    if name == "log_prob":
        is_good |= values == -float("inf")
    return tf.reduce_all(is_good, axis=range(1, values.shape.rank))


def first_error(errors):
    """Joins the errors of several inputs: of each row the first, string `[N]`.

    Args:
        errors: A list of strings `[N]`.

    Raises:
        tf.errors.InvalidArgumentError: Every row has one; the message is that of the first row,
            then those of others that differ.
    """
    joined, *others = errors
    for error in others:
        joined = tf.where(joined == "", error, joined)
    different, _ = tf.unique(joined)
    return _assert(tf.reduce_any(joined == ""), [different], joined)


def blank_faulty(outputs, error):
    """Makes the outputs of faulty rows NaN, of strings "".

    Args:
        outputs: Dict of tensors `[N, ...]`, floats or strings.
        error: String `[N]`, "" for a good row.
    """
    is_faulty = error != ""

    def blank():
        return {
            name: _replace_rows(values, is_faulty, _blank_of(values))
            for name, values in outputs.items()
        }

    def keep():
        return {name: tf.identity(values) for name, values in outputs.items()}

    return tf.cond(tf.reduce_any(is_faulty), blank, keep)


def _replace_faulty(values, is_valid, harmless, message):
    """Replaces the rows that have an invalid value and says of each what came."""
    is_faulty = tf.logical_not(tf.reduce_all(is_valid, axis=range(1, values.shape.rank)))

    # Words cost more than numbers, so none are made for a batch without fault.
    def replace():
        text = message() if callable(message) else message
        error = tf.strings.join([text, " ", _describe(values)])
        return _replace_rows(values, is_faulty, harmless), tf.where(is_faulty, error, "")

    def keep():
        return tf.identity(values), no_errors(values)

    return tf.cond(tf.reduce_any(is_faulty), replace, keep)


def _replace_rows(values, is_faulty, replacement):
    is_faulty = tf.reshape(is_faulty, [-1] + [1] * (values.shape.rank - 1))
    return tf.where(is_faulty, tf.constant(replacement, values.dtype), values)


def _blank_of(values):
    return "" if values.dtype == tf.string else float("nan")


def _describe(values):
    """Describes each row, string `[N]`: "from 0 to 255", or "from 0 to 1 and 2 NaN"."""
    axes = range(1, values.shape.rank)
    is_nan = tf.math.is_nan(values)
    num_nans = tf.reduce_sum(tf.cast(is_nan, tf.int32), axes)
    least = tf.reduce_min(tf.where(is_nan, values.dtype.max, values), axes)
    largest = tf.reduce_max(tf.where(is_nan, values.dtype.min, values), axes)
    bounds = tf.strings.join(["from ", _as_text(least), " to ", _as_text(largest)])
    nans = tf.strings.join([" and ", tf.strings.as_string(num_nans), " NaN"])
    text = tf.strings.join([bounds, tf.where(num_nans > 0, nans, "")])
    return tf.where(tf.reduce_all(is_nan, axes), "that are all NaN", text)


def _as_text(numbers):
    return tf.strings.as_string(tf.cast(numbers, tf.float32), shortest=True)
