"""Random shifts and reflections of training images, the same whenever a run is repeated."""

import tensorflow as tf

from zoo import checks
from zoo.errors import MismatchError

__all__ = ["augment_batches"]


def augment_batches(batches, seed, start_step=0, shift=0, flip=False):
    """Moves each image of a stream of batches at random, and mirrors half of them.

    Batch k is changed as (seed, k) says and nothing else, so a run that continues with batch k
    sees what it would have seen.

    A shift is a random crop of the image that was continued beyond its borders.

    Args:
        batches: A `tf.data.Dataset` of dicts with `image` `[B, H, W, C]`.
        seed: An int.
        start_step: The number k of the first batch.
        shift: Pixels by which an image moves at most, each way; what comes in at its border is
            the reflection of its inside.
        flip: Whether to swap left and right with probability 1/2.

    Returns:
        A `tf.data.Dataset` of the same dicts.

    Raises:
        SettingError: `shift` is negative, or no less than a side of the images.
        MismatchError: There are context images, which what is moved would no longer belong to.

    Example:
        >>> augment_batches(data.train_batches(128, seed=0), seed=0, shift=4, flip=True)
    """
    if not shift and not flip:
        return batches
    if "context" in batches.element_spec:
        raise MismatchError(
            "flip" if flip else "shift",
            "single images to augment",
            "images with context images beside them",
            "leave $flip and $shift out",
        )
    height, width = batches.element_spec["image"].shape[1:3]
    side = min(height, width)
    why = f"below the {side} pixels of the images' shorter side"
    checks.integer("shift", shift, least=0, most=side - 1, why=why)
    root = tf.constant([seed & 0x7FFFFFFF, 0x5A17], tf.int32)  # Apart from the order of the data.

    def augment(step, batch):
        step_seed = tf.random.experimental.stateless_fold_in(root, step, alg="philox")
        return {**batch, "image": _augment(batch["image"], step_seed, shift, flip)}

    augmented = batches.enumerate(start_step).map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    return augmented.prefetch(tf.data.AUTOTUNE)


def _augment(images, seed, shift, flip):
    seeds = tf.random.split(seed, 3, alg="philox")
    num_images, (height, width) = tf.shape(images)[0], images.shape[1:3]
    rows = _starts(num_images, shift, seeds[0]) + tf.range(height)
    columns = _starts(num_images, shift, seeds[1]) + tf.range(width)
    if flip:
        is_flipped = tf.random.stateless_uniform([num_images, 1], seeds[2], alg="philox") < 0.5
        columns = tf.where(is_flipped, columns[:, ::-1], columns)
    margin = [shift, shift]
    padded = tf.pad(images, [[0, 0], margin, margin, [0, 0]], "REFLECT")
    return tf.gather(tf.gather(padded, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)


def _starts(num_images, shift, seed):
    """Where each image is cut from its padded one, int32 `[B, 1]`."""
    limit = 2 * shift + 1
    return tf.random.stateless_uniform(
        [num_images, 1], seed, minval=0, maxval=limit, dtype=tf.int32, alg="philox"
    )
