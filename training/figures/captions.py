"""Images with a caption each."""

import numpy as np

from training.figures.grids import as_pixels, full_columns, with_folder

__all__ = ["save_captioned"]

_NUM_COLUMNS = 8
_CELL = 1.25  # Inches a side of an image, at 100 pixels an inch.
_CAPTION = 0.3  # Inches above it.


def save_captioned(path, images, captions, num_columns=_NUM_COLUMNS):
    """Saves images in rows with a caption above each, their pixels sharp squares.

    Args:
        path: A PNG file; its folder is made.
        images: `[N, H, W, C]`, float in [0, 1] or uint8, shown as `as_pixels` says; N may be 0.
        captions: N texts.
        num_columns: Images a row, at most.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    num_columns = full_columns(len(captions), num_columns)
    num_rows = max(1, -(-len(captions) // num_columns))
    size = (num_columns * _CELL, num_rows * (_CELL + _CAPTION))
    figure = Figure(figsize=size, dpi=100, facecolor="white", layout="constrained")
    axes = np.reshape(figure.subplots(num_rows, num_columns), -1)
    for axis in axes:
        axis.set_axis_off()
    if not captions:
        axes[0].set_title("none", fontsize=8)
    for axis, pixels, caption in zip(axes, as_pixels(images), captions, strict=False):
        axis.imshow(pixels, interpolation="nearest")
        axis.set_title(caption, fontsize=7 if len(caption) > 16 else 9, pad=2)
    figure.savefig(with_folder(path))
