"""Brings images to the wanted size and number of channels."""

import numpy as np
import tensorflow as tf

from zoo.errors import MismatchError

FITS = ("crop", "resize", "exact", "patches")
PATCHES_ACROSS = 4  # Along the side of a photograph that has fewer.
# A picture is decoded to at least so many times the wanted size, and the rest averaged: decoded to
# the wanted size itself it is up to half a pixel off, and rougher.
_SPARE = 2


def least_size(size: tuple[int, int] | None, fit: str) -> tuple[int, int] | None:
    """Returns the (height, width) that a picture needs, in pixels, to be brought to a size well.

    Args:
        size: (height, width) wanted; None: as they are.
        fit: As in `fit_image`; "patches" are several along a side.

    Returns:
        None where every pixel is needed.
    """
    if size is None or fit == "exact":
        return None
    factor = _SPARE * (PATCHES_ACROSS if fit == "patches" else 1)
    return factor * size[0], factor * size[1]


def fit_image(image: tf.Tensor, size: tuple[int, int], fit: str) -> tf.Tensor:
    """Brings an image, or images of one size, to another size.

    Resizing is bilinear with antialiasing: an enlarged pixel is interpolated between the centres
    of its neighbours, and a reduced one averages, with triangular weights, all it covers.

    Args:
        image: `[..., height, width, C]`, any real dtype, values 0 to 255.
        size: (height, width) wanted, in pixels.
        fit: "crop" cuts the largest centred window with the wanted ratio of sides, then resizes;
            "resize" stretches; "exact" requires the image to have the size already; "patches"
            gives the one in the middle of `cut_patches`.

    Returns:
        uint8 `[..., *size, C]`, rounded to the nearest integer.

    Raises:
        tf.errors.InvalidArgumentError: If `fit` is "exact" and the image has another size.
    """
    if fit == "exact":
        tf.debugging.assert_equal(
            tf.shape(image)[-3:-1],
            tf.constant(size),
            message=f'expected images of {size[0]}x{size[1]} pixels because fit="exact", received '
            'another size (below); give fit="crop" or fit="resize"',
        )
    if fit == "patches":
        patches = cut_patches(image, size)
        image = patches[patches.shape[0] // 2, patches.shape[1] // 2]
    if fit == "crop":
        image = _centre_crop(image, size)
    resized = tf.image.resize(image, size, method="bilinear", antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def cut_patches(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cuts a photograph into patches side by side, as many as fit around its centre.

    A large one is reduced first, so that its details fit the patches: to where `PATCHES_ACROSS`
    patches fit along the side that has fewer. One that is smaller than a patch is fitted by "crop".

    Args:
        image: uint8 `[height, width, C]`.
        size: (height, width) of a patch, in pixels.

    Returns:
        uint8 `[rows, columns, *size, C]`.
    """
    sides = np.array(image.shape[:2])
    num_across = min(sides / size)
    if num_across < 1:
        return fit_image(image, size, "crop").numpy()[None, None]
    if num_across > PATCHES_ACROSS:
        sides = np.maximum(np.rint(sides * PATCHES_ACROSS / num_across).astype(int), size)
        image = fit_image(image, tuple(sides), "resize").numpy()
    numbers = sides // size
    top, left = (sides - numbers * size) // 2
    rows, columns = numbers
    image = image[top : top + rows * size[0], left : left + columns * size[1]]
    return image.reshape(rows, size[0], columns, size[1], -1).swapaxes(1, 2)


def _centre_crop(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Cuts the largest centred window of `image` whose sides have the ratio of `size`."""
    shape = tf.shape(image)
    height, width = shape[-3], shape[-2]
    crop_height = tf.clip_by_value(width * size[0] // size[1], 1, height)
    crop_width = tf.clip_by_value(height * size[1] // size[0], 1, width)
    top = (height - crop_height) // 2
    left = (width - crop_width) // 2
    return image[..., top : top + crop_height, left : left + crop_width, :]


def convert_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Turns `[..., 1]` into `[..., 3]` or back, by luminance; other images pass unchanged."""
    received = image.shape[-1]
    if received == channels:
        return image
    if (received, channels) == (1, 3):
        return tf.image.grayscale_to_rgb(image)
    if (received, channels) == (3, 1):
        return tf.image.rgb_to_grayscale(image)
    raise MismatchError(
        "channels",
        f"images with 1 or 3 channels to turn into {channels}",
        f"{received} channels",
        "leave $channels unset to keep them",
    )
