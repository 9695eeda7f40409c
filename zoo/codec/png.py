"""Images that no code fits, kept as PNG files."""

import io

import numpy as np
from PIL import Image

from zoo.codec.error import CodecError

__all__ = ["MODES", "as_png", "from_png"]

MODES = ("L", "LA", "RGB", "RGBA")  # Of one to four channels.


def as_png(levels):
    """Returns the PNG file of an image, uint8 `[H, W, C]`."""
    stream = io.BytesIO()
    pixels = levels[..., 0] if levels.shape[-1] == 1 else levels
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def from_png(data, index, image_shape):
    """Returns the image of a PNG file, uint8 `[H, W, C]`.

    Args:
        data: The file, bytes.
        index: Number of the code that holds it, for the message.
        image_shape: (height, width, channels) that it must have.

    Raises:
        CodecError: It is no PNG file, or one of another size or kind.
    """
    mode = MODES[min(image_shape[-1], len(MODES)) - 1]
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            image, received = np.asarray(picture), picture.mode
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise CodecError(f"Code {index} should hold a PNG and does not: {error}") from error
    image = image[..., None] if image.ndim == 2 else image
    if image.shape != tuple(image_shape) or received != mode:
        raise CodecError(
            f"Code {index} is a PNG of mode {received} and shape {image.shape}; this model's "
            f"images are of mode {mode} and shape {tuple(image_shape)}."
        )
    return image
