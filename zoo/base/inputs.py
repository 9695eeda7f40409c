"""Reads batches of images, and says clearly what is wrong with one that cannot be used."""

import contextlib
import re

import tensorflow as tf

from zoo.errors import MARK, BatchError
from zoo.pixel_range import remedies

__all__ = [
    "as_images",
    "assert_equal_rows",
    "assert_finite",
    "check_images",
    "check_known",
    "check_rows",
    "mask_of",
    "plain_errors",
    "unpack",
    "wanted_shape",
]


def unpack(data):
    """Splits a batch into (images, context, labels); what it lacks is None.

    A batch is images, `(images, labels)`, or a dict with `image` and any of `context`, `label`,
    `mask` (see `mask_of`) and, for `predict` alone, `tolerance`.

    Raises:
        BatchError: It is not among these, or carries sample weights.
    """
    labels = None
    if isinstance(data, tuple):
        if len(data) > 2 and data[2] is not None:
            raise BatchError(
                "sample_weight is not supported: a weighted mean has no meaning for GECO's "
                "constraints. Repeat or drop examples in the data instead."
            )
        labels = data[1] if len(data) > 1 else None
        data = data[0]
    if isinstance(data, tuple | list):
        raise BatchError(
            "Images are one array, not a list of them: pass np.stack(images), and labels, if any, "
            f"as y=. Received: a {type(data).__name__} of {len(data)}"
        )
    if not isinstance(data, dict):
        return data, None, labels
    unknown = set(data) - {"image", "context", "label", "mask", "tolerance"}
    if "image" not in data or unknown:
        raise BatchError(
            "A batch given as a dict has `image` and any of `context`, `label`, `mask`. "
            f"Received the keys {sorted(data)}"
        )
    return data["image"], data.get("context"), data.get("label", labels)


def mask_of(data):
    """Returns which pixels of a batch are seen, 1, or hidden, 0, `[B, H, W]`; None: all."""
    data = data[0] if isinstance(data, tuple) else data
    return data.get("mask") if isinstance(data, dict) else None


def check_known(images, shape, name="images"):
    """Looks at the shape and type that data is known to have, if any, whatever the values.

    Raises:
        BatchError: Wrong rank, size, channels or type.
    """
    try:
        known, dtype = tf.TensorShape(images.shape), tf.as_dtype(images.dtype)
    except (AttributeError, TypeError):  # Data of another kind, or of another framework.
        return
    if not known.is_compatible_with([None, *shape]):
        raise BatchError(_wrong_shape(shape, name, f"{tuple(known)} and type {dtype.name}.", known))
    if dtype != tf.uint8 and not dtype.is_floating:
        raise BatchError(
            f"{name} must be floats in [0, 1] or uint8 in [0, 255]. Received {name} of shape "
            f"{known} and type {dtype.name}."
        )


def check_images(images, shape, name="images"):
    """Turns a batch `[B, *shape]` into a tensor of its own type, whatever its values.

    A tensor whose shape TensorFlow does not know, as of `tf.numpy_function`, gets the one that it
    must have, and is looked at when it comes.

    Raises:
        BatchError: Wrong rank, size, channels or type.
    """
    if isinstance(images, tf.data.Dataset):
        raise BatchError(
            f"{name} must be one array {wanted_shape(shape)}; gather the batches of a dataset by "
            "np.concatenate(list(dataset)). Received: a tf.data.Dataset"
        )
    if not isinstance(images, tf.Tensor):
        try:
            images = tf.convert_to_tensor(images)
        except (TypeError, ValueError) as error:
            raise BatchError(
                f"{name} must be one array {wanted_shape(shape)}; make one of several of equal "
                f"size by np.stack({name}). {error}"
            ) from error
    check_known(images, shape, name)
    if images.shape[1:].is_fully_defined():
        return images
    actual = tf.shape(images)
    # Padded so that shapes of other ranks can be compared, too.
    padded = tf.concat([actual, tf.fill([4], -1)], axis=0)
    is_right = tf.equal(tf.size(actual), 4) & tf.reduce_all(padded[1:4] == list(shape))
    message = [f"{MARK} {_wrong_shape(shape, name, '', tf.TensorShape(None))}", actual]
    with tf.control_dependencies([tf.debugging.Assert(is_right, message)]):
        return tf.ensure_shape(tf.identity(images), [None, *shape])


def wanted_shape(shape):
    """Says what shape a batch must have, as in "of shape [batch, 28, 28, 1] (height, ...)"."""
    return f"of shape [batch, {', '.join(map(str, shape))}] (height, width, channels)"


def _wrong_shape(shape, name, received, known):
    """Says what was expected and, of a known shape, what to do; of an unknown one, all of it."""
    is_unknown = known.rank is None
    hints = []
    if is_unknown or (known.rank == 3 and known.is_compatible_with(shape)):
        hints.append(f"For one image, pass {name}[None]; batch a tf.data.Dataset by .batch(32).")
    elif known.rank == 3 and shape[-1] == 1:
        hints.append(f"For grey images without a channel, pass {name}[..., None].")
    if is_unknown and shape[-1] == 1:
        hints.append(f"For grey images without a channel, pass {name}[..., None].")
    expected = f"This model takes {name} {wanted_shape(shape)}."
    if is_unknown:  # What came is said last, for only the graph knows it.
        return " ".join([expected, *hints, f"Received {name} of shape"])
    return " ".join([expected, f"Received {name} of shape {received}", *hints])


def as_images(images, shape, name="images"):
    """Turns a batch into float32 `[B, *shape]` in [0, 1]; uint8 is divided by 255.

    Raises:
        BatchError: Wrong rank, size, channels or type; outside `tf.function` also a wrong range
            or NaN, which inside one fails the step with the same message.
    """
    images = check_images(images, shape, name)
    if images.dtype == tf.uint8:
        return tf.cast(images, tf.float32) / 255.0
    return _assert_range(tf.cast(images, tf.float32), name)


def check_rows(context, num_rows):
    """Refuses a context that would be stretched over several rows, where the sizes are known.

    Raises:
        BatchError: The context, a tensor or None, has another number of rows than `num_rows`, an
            int or None.
    """
    received = None if context is None else context.shape[0]
    if received is not None and num_rows is not None and received != num_rows:
        raise BatchError(
            f"There must be a context for each of the {num_rows} images or samples. Received: "
            f"{received} contexts. Repeat them with tf.repeat(context, times, axis=0)."
        )


def _assert_range(images, name):
    """Returns the images, once their pixels lie in [0, 1]; the error says what fits their range."""

    def refuse():
        received = ["Received values from", tf.reduce_min(images), "to", tf.reduce_max(images)]
        received += ["and", tf.reduce_sum(tf.cast(tf.math.is_nan(images), tf.int32)), "NaN"]
        is_said = False
        for fits, remedy in remedies(name, images, tf.reduce_any):
            message = f"{MARK} {name} given as floats must lie in [0, 1] and have no NaN; {remedy}."
            is_right = tf.logical_not(fits) | is_said
            # XLA, which has no assertions, leaves it out.
            tf.raw_ops.Assert(condition=is_right, data=[message, *received])
            is_said |= fits
        return False

    # Written so that NaN, for which every comparison is false, fails too.
    is_inside = tf.reduce_all((images >= 0.0) & (images <= 1.0))
    # What there is to say is found out only where there is something to say.
    with tf.control_dependencies([tf.cond(is_inside, lambda: True, refuse)]):
        return tf.identity(images)


def assert_finite(terms, step):
    """Returns an op that fails the step if a term is not finite; what moves state must wait for it.

    XLA, which has no assertions, leaves it out.
    """
    totals = {name: tf.reduce_sum(values) for name, values in terms.items()}
    message = (
        f"{MARK} training stopped before the weights were changed, because a term of the loss is "
        f"not finite: sums of ({', '.join(totals)}) over the batch ="
    )
    is_finite = tf.math.is_finite(tf.add_n(list(totals.values())))
    return tf.debugging.Assert(is_finite, [message, *totals.values(), "at step", step])


def assert_equal_rows(num_rows):
    """Returns ops, none with one replica, that fail a step whose replicas' batches differ in size.

    Means over replicas would be wrong, and of an empty batch NaN.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return []
    rows = tf.cast(num_rows, tf.float64)
    mean, mean_square = context.all_reduce(tf.distribute.ReduceOp.MEAN, [rows, rows**2])
    message = (
        f"{MARK} under a tf.distribute strategy every replica needs equally many images. Batch "
        "the data with drop_remainder=True and a size that the number of replicas divides. "
        "Received images on one of the replicas:"
    )
    is_equal = tf.abs(mean_square - mean**2) < 1e-3
    return [tf.debugging.Assert(is_equal, [message, num_rows])]


@contextlib.contextmanager
def plain_errors():
    """Turns a failed assertion of this file into a BatchError with its message alone."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        _, mark, message = str(error).partition(MARK)
        if not mark:
            raise
        # In a graph the parts come as `[part] [part]\n\t [[node...`, else as `b'part'\npart`, which
        # `[Op:Assert]` may follow.
        message = message.partition("\n\t [[")[0].partition("[Op:")[0].strip()
        message = message.rstrip("]").replace("] [", " ")
        message = re.sub(r"b?'(?=\n|$)|\nb'", " ", message)
        raise BatchError(" ".join(message.split())) from None
