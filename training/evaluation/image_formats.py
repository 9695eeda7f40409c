"""How small the files of image formats are, at the least quality within a tolerance."""

import importlib
import io

import numpy as np
from PIL import Image

from zoo.codec.png import MODES

__all__ = ["FORMATS", "as_sheets", "bytes_within", "files", "lossless_bytes"]

# Pillow's name, and the qualities that are tried.
FORMATS = {
    "JPEG": range(1, 96, 2),
    "WebP": range(0, 101, 2),
    "AVIF": range(0, 101, 4),
    "JPEG XL": range(0, 100, 4),
}
_LOSSLESS = {
    "PNG": {"optimize": True},
    "WebP": {"lossless": True, "quality": 100, "method": 6},
    "JPEG XL": {"lossless": True, "effort": 9},
}
_NAMES = {"JPEG XL": "JXL"}


def is_there(kind):
    """Whether Pillow writes the format; JPEG XL by the package pillow-jxl-plugin."""
    if kind == "JPEG XL":
        try:
            importlib.import_module("pillow_jxl")
        except ImportError:
            return False
    Image.init()
    return _name(kind) in Image.SAVE


def _name(kind):
    return _NAMES.get(kind, kind).upper()


def files(image, kind):
    """Returns the (bytes, root mean squared error in pixel units) of a file of each quality.

    Args:
        image: uint8 `[H, W, C]` of 1 or 3 channels.
        kind: One of `FORMATS`.
    """
    found = []
    for quality in FORMATS[kind]:
        data, decoded = _write_and_read(image, kind, quality=quality)
        error = np.sqrt(np.mean((decoded / 255.0 - image / 255.0) ** 2))
        found.append((len(data), float(error)))
    return found


def _write_and_read(image, kind, **options):
    """Returns a file's bytes, and the image that it is decoded to."""
    mode, stream = MODES[image.shape[-1] - 1], io.BytesIO()
    pixels = Image.fromarray(image[..., 0] if mode == "L" else image)
    pixels.save(stream, _name(kind), **options)
    decoded = np.asarray(Image.open(stream).convert(mode)).reshape(image.shape)
    return stream.getvalue(), decoded


def lossless_bytes(images):
    """Returns the mean bytes of lossless files of images, uint8 `[N, H, W, C]`, by format."""
    sizes = {}
    for kind in filter(is_there, _LOSSLESS):
        files = [_write_and_read(image, kind, **_LOSSLESS[kind]) for image in images]
        if any((decoded != image).any() for image, (_, decoded) in zip(images, files, strict=True)):
            raise RuntimeError(f"{kind} lost something.")
        sizes[kind] = float(np.mean([len(data) for data, _ in files]))
    return sizes


def bytes_within(images, tolerances):
    """Returns what each format that Pillow writes takes for images, each within a tolerance.

    Args:
        images: uint8 `[N, H, W, C]`.
        tolerances: Root mean squared errors, in pixel units.

    Returns:
        By format a list with, for each tolerance, the mean `bytes` of the smallest files within it
        (None if no image has one), and how many images were `left_out`, since no quality is.
    """
    found = {}
    for kind in filter(is_there, FORMATS):
        of_images = [files(image, kind) for image in images]
        found[kind] = [_mean_within(of_images, tolerance) for tolerance in tolerances]
    return found


def _mean_within(of_images, tolerance):
    least = [min((size for size, e in one if e <= tolerance), default=None) for one in of_images]
    known = [size for size in least if size is not None]
    mean = float(np.mean(known)) if known else None
    return {"bytes": mean, "left_out": len(least) - len(known)}


def as_sheets(images, side):
    """Lays images out as pictures of `side` by `side` of them, which share one header.

    Args:
        images: `[N, H, W, C]`; what fills no sheet is left out.
        side: How many stand in a row.

    Returns:
        `[sheets, side * H, side * W, C]`.
    """
    _, height, width, channels = images.shape
    num = len(images) // side**2
    grid = images[: num * side**2].reshape(num, side, side, height, width, channels)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(num, side * height, side * width, channels)
