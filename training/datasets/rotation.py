"""Rotates images about their centre."""

import keras
import numpy as np
import tensorflow as tf


def rotate(images: np.ndarray, degrees: float) -> np.ndarray:
    """Rotates images counterclockwise about their centre, with black outside.

    Args:
        images: uint8 `[N, H, W, C]`.
        degrees: The angle.

    Returns:
        uint8 `[N, H, W, C]`, interpolated bilinearly and rounded to the nearest integer.
    """
    height, width = images.shape[1:3]
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    centre = np.array([width - 1, height - 1]) / 2
    # Takes (x, y) of the rotated image to that of the source; y points down.
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    shift = centre - matrix @ centre
    transform = [*matrix[0], shift[0], *matrix[1], shift[1], 0.0, 0.0]
    with tf.device("CPU"):  # Another device may round another way.
        rotated = keras.ops.image.affine_transform(
            images.astype(np.float32),
            np.tile(np.array(transform, np.float32), (len(images), 1)),
            interpolation="bilinear",
            fill_mode="constant",
            data_format="channels_last",
        )
    return np.round(rotated.numpy()).astype(np.uint8)
