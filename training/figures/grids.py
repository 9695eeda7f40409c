"""Grids of images."""

import pathlib

import numpy as np
from PIL import Image

__all__ = ["NUM_COLUMNS", "NUM_SAMPLE_ROWS", "as_pixels", "save_grid", "save_reconstructions"]

NUM_COLUMNS = 12
NUM_SAMPLE_ROWS = 6
_WIDTH = 1000  # Pixels that a grid of images is enlarged to, at most.
_GAP = 2  # Pixels between images, before enlargement: 1 on each side.
_BACKGROUND = 255


def save_grid(path, images, num_columns=NUM_COLUMNS):
    """Saves images in rows, enlarged by a whole number, each pixel a sharp square.

    Args:
        path: A PNG file; its folder is made.
        images: `[N, H, W, C]`, float in [0, 1] or uint8, shown as `as_pixels` says.
        num_columns: Images a row, at most.
    """
    _save_rows(path, _in_rows(as_pixels(images), num_columns))


def save_reconstructions(path, images, reconstructions, num_columns=NUM_COLUMNS):
    """Saves pairs of rows: data above, reconstructions below; a wider gap parts the pairs.

    Args:
        path: A PNG file; its folder is made.
        images: `[N, H, W, C]`, float in [0, 1] or uint8.
        reconstructions: `[N, H, W, C]`, likewise.
        num_columns: Images a row, at most.
    """
    data = _in_rows(as_pixels(images), num_columns)
    below = _in_rows(as_pixels(reconstructions), num_columns)
    between = np.full((_GAP, *data[0].shape[1:]), _BACKGROUND, np.uint8)
    rows = []
    for pair in zip(data, below, strict=True):
        rows += [*pair, between]
    _save_rows(path, rows[:-1])


def as_pixels(images, channels_are_images=False):
    """Gives colour images, as a person sees them, of images `[N, H, W, C]` in [0, 1] or uint8.

    One channel is shown as grey and three as colours. Any other number, or three that are images
    of their own, stand side by side as grey images.

    Returns:
        uint8 `[N, H, W', 3]`.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        images = np.round(255.0 * np.clip(images, 0.0, 1.0)).astype(np.uint8)
    if images.shape[-1] == 3 and not channels_are_images:
        return images
    greys = [np.repeat(grey, 3, axis=-1) for grey in np.split(images, images.shape[-1], axis=-1)]
    return np.concatenate(greys, axis=2)


def _in_rows(images, num_columns):
    """Joins images `[N, H, W, 3]` to rows, a list of `[H + gap, columns * (W + gap), 3]`."""
    num_columns = min(num_columns, len(images))
    edge = _GAP // 2
    padding = ((0, 0), (edge, edge), (edge, edge), (0, 0))
    images = np.pad(images, padding, constant_values=_BACKGROUND)
    missing = -len(images) % num_columns
    images = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=_BACKGROUND)
    return [
        np.concatenate(list(images[i : i + num_columns]), axis=1)
        for i in range(0, len(images), num_columns)
    ]


def _save_rows(path, rows):
    picture = Image.fromarray(np.concatenate(rows, axis=0))
    zoom = max(1, _WIDTH // picture.width)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((zoom * picture.width, zoom * picture.height), Image.NEAREST).save(path)
