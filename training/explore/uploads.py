"""Uploaded files, brought to a model's image size, with a sentence on what was done to them."""

import numpy as np

from training.datasets.image_files import decode_image
from training.datasets.resizing import fit_image
from zoo.errors import UsageError

__all__ = ["fit_upload"]


def fit_upload(content, image_shape, fit="crop"):
    """Returns an uploaded image as a model takes it, and what was done to it.

    Args:
        content: The bytes of a file.
        image_shape: (height, width, channels) of the model's images.
        fit: "crop" or "resize", as in `training.datasets.resizing.fit_image`.

    Returns:
        uint8 `[H, W, C]`, and a sentence.

    Raises:
        UsageError: It is no image, or the model's images are neither grey nor in colour.
    """
    height, width, channels = image_shape
    if channels not in (1, 3):
        raise UsageError(
            f"Image files have 1 or 3 channels; this model's images have {channels}. Choose one of "
            "the images above."
        )
    try:
        given = decode_image(content)
        pixels = decode_image(content, channels)
    except Exception as error:  # Pillow's decoders raise many unrelated types.
        raise UsageError(
            "This file is no image that can be read. Upload a PNG, JPEG or WebP file."
        ) from error
    fitted = np.asarray(fit_image(pixels, (height, width), fit))
    return fitted, _describe(given.shape, fitted.shape, fit)


def _describe(before, after, fit):
    changes = []
    if before[:2] != after[:2]:
        how = "cut to a centred window and scaled" if fit == "crop" else "stretched"
        sizes = f"from {before[1]} × {before[0]} to {after[1]} × {after[0]} pixels"
        changes.append(f"{how} {sizes}")
    if before[2] != after[2]:
        changes.append("made grey" if after[2] == 1 else "given three equal channels")
    text = " and ".join(changes)
    return f"Your image was {text}." if changes else "Your image has the model's size."
