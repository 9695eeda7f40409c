"""Grids of images."""

import pathlib

import numpy as np
from PIL import Image

__all__ = [
    "NUM_COLUMNS",
    "NUM_SAMPLE_ROWS",
    "as_levels",
    "as_pixels",
    "beside_context",
    "full_columns",
    "save_conditional_reconstructions",
    "save_conditional_samples",
    "save_grid",
    "save_reconstructions",
    "with_folder",
]

NUM_COLUMNS = 12
NUM_SAMPLE_ROWS = 6
_WIDTH = 1000  # Pixels that a grid of images is enlarged to, at most,
_SIDE = 256  # and an image of it, where there are few.
_GAP = 2  # Pixels between images, before enlargement: 1 on each side.
_BACKGROUND = 255


def save_grid(path, images, num_columns=None, channels_are_images=False):
    """Saves images in rows, enlarged by a whole number, each pixel a sharp square.

    The rows are as long as fills the last one, where that can be.

    Args:
        path: A PNG file; its folder is made.
        images: `[N, H, W, C]`, float in [0, 1] or uint8, shown as `as_pixels` says.
        num_columns: Images a row, at most. None: `NUM_COLUMNS`, or fewer of wide ones.
        channels_are_images: As in `as_pixels`.
    """
    pixels = as_pixels(images, channels_are_images)
    rows = _in_rows(pixels, num_columns or _fitting_columns(pixels, images))
    _save_rows(path, rows, pixels.shape[1])


def save_conditional_samples(
    path, context, samples, samples_per_context, channels_are_images=False
):
    """Saves a row a context: the context first, then after a wider gap its samples.

    Args:
        path: A PNG file; its folder is made.
        context: Context images `[N, H, W, C']`, float in [0, 1] or uint8.
        samples: `[M, H, W, C]`, likewise: first all those of the first context, and so on. There
            may be fewer of the last context.
        samples_per_context: Their number.
        channels_are_images: As in `as_pixels`.
    """
    contexts = _in_rows(as_pixels(context, channels_are_images), 1)
    rows = _in_rows(as_pixels(samples, channels_are_images), samples_per_context)
    between = np.full((len(rows[0]), _GAP, 3), _BACKGROUND, np.uint8)
    rows = [np.concatenate([c, between, r], axis=1) for c, r in zip(contexts, rows, strict=True)]
    _save_rows(path, rows, samples.shape[1])


def save_reconstructions(
    path, images, reconstructions, num_columns=None, channels_are_images=False
):
    """Saves pairs of rows: data above, reconstructions below; a wider gap parts the pairs.

    Args:
        path: A PNG file; its folder is made.
        images: `[N, H, W, C]`, float in [0, 1] or uint8.
        reconstructions: `[N, H, W, C]`, likewise.
        num_columns: Images a row, at most. None: `NUM_COLUMNS`, or fewer of wide ones.
        channels_are_images: As in `as_pixels`.
    """
    above = as_pixels(images, channels_are_images)
    below = as_pixels(reconstructions, channels_are_images)
    num_columns = num_columns or _fitting_columns(above, images)
    data, below = _in_rows(above, num_columns), _in_rows(below, num_columns)
    between = np.full((_GAP, *data[0].shape[1:]), _BACKGROUND, np.uint8)
    rows = []
    for pair in zip(data, below, strict=True):
        rows += [*pair, between]
    _save_rows(path, rows[:-1], above.shape[1])


def save_conditional_reconstructions(
    path, context, images, reconstructions, channels_are_images=False
):
    """Saves triples side by side: context, data, reconstruction; a wider gap parts the triples.

    Args:
        path: A PNG file; its folder is made.
        context: Context images `[N, H, W, C']`, float in [0, 1] or uint8.
        images: `[N, H, W, C]`, likewise.
        reconstructions: `[N, H, W, C]`, likewise.
        channels_are_images: As in `as_pixels`.
    """
    pixels = beside_context(images, context, channels_are_images)
    pixels = _beside(pixels, as_pixels(reconstructions, channels_are_images))
    wider = np.pad(pixels, ((0, 0), (0, 0), (0, 2 * _GAP), (0, 0)), constant_values=_BACKGROUND)
    _save_rows(path, _in_rows(wider, _fitting_columns(pixels, images)), pixels.shape[1])


def beside_context(images, context=None, channels_are_images=False):
    """Returns `as_pixels(images)`, uint8 `[N, H, W', 3]`, with the context, if any, on the left."""
    pixels = as_pixels(images, channels_are_images)
    return pixels if context is None else _beside(as_pixels(context, channels_are_images), pixels)


def _beside(left, right):
    between = np.full((*left.shape[:2], _GAP, 3), _BACKGROUND, np.uint8)
    return np.concatenate([left, between, right], axis=2)


def as_pixels(images, channels_are_images=False):
    """Returns colour images, as a person sees them, of images `[N, H, W, C]` in [0, 1] or uint8.

    One channel is shown as grey and three as colours. Any other number, or three that are images
    of their own, stand side by side as grey images.

    Returns:
        uint8 `[N, H, W', 3]`.
    """
    images = as_levels(images)
    if images.shape[-1] == 3 and not channels_are_images:
        return images
    greys = [np.repeat(grey, 3, axis=-1) for grey in np.split(images, images.shape[-1], axis=-1)]
    return np.concatenate(greys, axis=2)


def as_levels(images):
    """Returns images in [0, 1], or uint8, as uint8 of the same shape."""
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images
    return np.round(255.0 * np.clip(images, 0.0, 1.0)).astype(np.uint8)


def _fitting_columns(pixels, images):
    """The number of columns, at most as wide as `NUM_COLUMNS` single images."""
    most = max(1, round(NUM_COLUMNS * images.shape[2] / pixels.shape[2]))
    return full_columns(len(pixels), most)


def full_columns(num, most):
    """Returns how many of `num` images stand in a row, so that the last row lacks the fewest.

    At most `most`, and at least a third of that, for few in a row make a tower.
    """
    if num <= most:
        return max(1, num)
    return min(range(most, max(1, most // 3) - 1, -1), key=lambda columns: -num % columns)


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


def _save_rows(path, rows, height):
    """Saves rows of images of that height."""
    picture = Image.fromarray(np.concatenate(rows, axis=0))
    zoom = max(1, min(_WIDTH // picture.width, _SIDE // height))
    enlarged = picture.resize((zoom * picture.width, zoom * picture.height), Image.NEAREST)
    enlarged.save(with_folder(path))


def with_folder(path):
    """Returns the path of a picture, whose folder is made if there is none."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
