"""Reads the labels of a batch, and says clearly what is wrong with those that cannot be used."""

import tensorflow as tf

from zoo.errors import MARK, BatchError

__all__ = ["as_labels"]


def as_labels(labels, num_classes, reader, other_form=""):
    """Turns the labels of a batch, ints `[B]` or `[B, 1]`, into int32 `[B]`.

    Args:
        labels: What the batch has, or None.
        num_classes: K; a label is from 0 to K - 1.
        reader: Who needs them, for the error.
        other_form: What else it takes, for the error, as in ", or one-hot rows".

    Raises:
        BatchError: There are none, or of another shape or type; outside `tf.function` also a label
            that is no class, which inside one fails the step with the same message.
    """
    if labels is None:
        raise BatchError(
            f"{reader} needs the label of each image, and the batch has none. Pass (images, "
            "labels), or a dict with `image` and `label`, to fit and evaluate, and as "
            "validation_data."
        )
    labels = tf.convert_to_tensor(labels)
    if labels.shape.rank is None:  # For example from `tf.numpy_function`.
        labels = _as_list(labels)
    if labels.shape.rank == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape.rank != 1 or not labels.dtype.is_integer:
        raise BatchError(
            f"Labels must be ints from 0 to {num_classes - 1}, one an image{other_form}. Received "
            f"labels of shape {tuple(labels.shape)} and type {labels.dtype.name}."
        )
    labels = tf.cast(labels, tf.int32)
    is_valid = tf.reduce_all((labels >= 0) & (labels < num_classes))
    message = (
        f"{MARK} the classifier has the classes 0 to {num_classes - 1}, so labels must lie "
        "there. Renumber them, or take a classifier of these classes. Received labels from"
    )
    extremes = [tf.reduce_min(labels), "to", tf.reduce_max(labels)]
    with tf.control_dependencies([tf.debugging.Assert(is_valid, [message, *extremes])]):
        return tf.identity(labels)  # XLA, which has no assertions, leaves the check out.


def _as_list(labels):
    """Gives labels of unknown shape, one a row, the shape `[B]`."""
    message = f"{MARK} labels must be ints, one an image. Received labels of shape"
    is_list = tf.equal(tf.size(labels), tf.shape(labels)[0])
    with tf.control_dependencies([tf.debugging.Assert(is_list, [message, tf.shape(labels)])]):
        return tf.reshape(labels, [-1])
