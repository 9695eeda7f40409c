"""Models side by side: a row each of reconstructions and samples (Taming VAEs, Figure 6)."""

import numpy as np

from training.figures.grids import as_pixels, with_folder

__all__ = ["save_comparison"]

_INCHES_PER_IMAGE = 0.42
_LABEL_INCHES = 2.8


def save_comparison(path, images, rows):
    """Saves rows of reconstructions and samples, the data above them.

    Args:
        path: A PNG file; its folder is made.
        images: The reconstructed images, `[N, H, W, C]`, float in [0, 1] or uint8.
        rows: A list of (label, reconstructions `[N, H, W, C]`, samples `[N, H, W, C]`).
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    num_images = len(images)
    strips = [("data", images, None), *rows]
    width = _LABEL_INCHES + 2 * num_images * _INCHES_PER_IMAGE
    height = 0.3 + len(strips) * _INCHES_PER_IMAGE * 1.08
    figure, axes = pyplot.subplots(
        len(strips),
        2,
        figsize=(width, height),
        gridspec_kw={"wspace": 0.03, "hspace": 0.06},
        squeeze=False,
    )
    for (label, *halves), (left, right) in zip(strips, axes, strict=True):
        left.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
        for axis, half in zip((left, right), halves, strict=True):
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if half is not None:
                row = np.concatenate(list(as_pixels(half)), axis=1)
                axis.imshow(row, interpolation="nearest", aspect="auto")
    axes[0][0].set_title("reconstructions", fontsize=10)
    axes[0][1].set_title("samples", fontsize=10)
    figure.subplots_adjust(
        left=_LABEL_INCHES / width, right=0.995, bottom=0.005, top=1 - 0.3 / height
    )
    figure.savefig(with_folder(path), dpi=110)
    pyplot.close(figure)
