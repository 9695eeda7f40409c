"""Models side by side: a row each of reconstructions and samples (Taming VAEs, Figure 6)."""

from training.figures.grids import as_pixels
from training.figures.image_blocks import Block, save_blocks

__all__ = ["save_comparison"]


def save_comparison(path, images, rows, title=""):
    """Saves rows of reconstructions and samples, the data above them.

    Args:
        path: A PNG file; its folder is made.
        images: The reconstructed images, `[N, H, W, C]`, float in [0, 1] or uint8.
        rows: A list of (label, reconstructions `[N, H, W, C]`, samples `[N, H, W, C]`).
        title: Of the picture.
    """
    labels, reconstructions, samples = zip(*rows, strict=True)
    above = [as_pixels(images), *map(as_pixels, reconstructions)]
    blocks = [
        Block("test images, and below their reconstructions", above),
        Block("samples", [None, *map(as_pixels, samples)]),
    ]
    save_blocks(path, blocks, title, ("data", *labels))
