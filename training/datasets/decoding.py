"""Decodes images of a TensorFlow pipeline, a JPEG picture no larger than it will be used.

A JPEG decoder can leave out what lies outside a window, and give a half, a quarter or an eighth of
the size from the coarse coefficients alone, at a fraction of the cost of all pixels.
"""

from collections.abc import Sequence

import tensorflow as tf

__all__ = ["decode_image"]

_JPEG_REDUCTIONS = (1, 2, 4, 8)


def decode_image(
    encoded: tf.Tensor,
    stored_shape: Sequence[int | None],
    window: Sequence[int] | None = None,
    least_size: Sequence[int] | None = None,
) -> tf.Tensor:
    """Decodes an image of any format TensorFlow reads; an animation gives its first frame.

    The decoder of TFDS takes every WebP image, such as those of half of LSUN, for an animation.

    Args:
        encoded: The file's content, a string.
        stored_shape: (height, width, channels), each None where images differ.
        window: (top, left, height, width) of the wanted part, in stored pixels; None: all of it.
        least_size: A JPEG picture may come reduced, but to no less than this (height, width); None:
            not at all. It is reduced as a whole, with no window.

    Returns:
        uint8 `[height, width, C]`.
    """
    channels = stored_shape[2] or 0

    def jpeg():
        if window is not None:
            return tf.io.decode_and_crop_jpeg(encoded, window, channels)
        if least_size is not None:
            return _decode_reduced(encoded, channels, least_size)
        return tf.io.decode_jpeg(encoded, channels)

    def any_format():
        image = tf.io.decode_image(encoded, channels, expand_animations=False)
        image = tf.ensure_shape(image, stored_shape)
        if window is not None:
            top, left, height, width = window
            image = image[top : top + height, left : left + width]
        return image

    image = tf.cond(tf.io.is_jpeg(encoded), jpeg, any_format)
    return tf.ensure_shape(image, (None, None, stored_shape[2]))


def _decode_reduced(encoded, channels, least_size):
    """Decodes a JPEG picture at the smallest size that has `least_size`."""
    sides = tf.io.extract_jpeg_shape(encoded)[:2]
    possible = tf.reduce_min(sides // tf.constant(least_size))
    index = tf.reduce_sum(tf.cast(possible >= _JPEG_REDUCTIONS, tf.int32)) - 1

    def decode_at(reduction):
        return lambda: tf.io.decode_jpeg(encoded, channels, ratio=reduction)

    # One that is smaller than wanted is decoded as it is.
    return tf.switch_case(tf.maximum(index, 0), [decode_at(each) for each in _JPEG_REDUCTIONS])
