"""Every picture, one file a kind."""

from training.figures.grids import (
    NUM_COLUMNS,
    NUM_SAMPLE_ROWS,
    as_pixels,
    save_grid,
    save_reconstructions,
)
from training.figures.trajectory import save_trajectory

__all__ = [
    "NUM_COLUMNS",
    "NUM_SAMPLE_ROWS",
    "as_pixels",
    "save_grid",
    "save_reconstructions",
    "save_trajectory",
]
