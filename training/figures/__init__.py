"""Every picture, one file a kind."""

from training.figures.captions import save_captioned
from training.figures.chains import save_chains
from training.figures.comparison import save_comparison
from training.figures.examples import save_examples
from training.figures.grids import (
    NUM_COLUMNS,
    NUM_SAMPLE_ROWS,
    as_pixels,
    beside_context,
    save_conditional_reconstructions,
    save_conditional_samples,
    save_grid,
    save_reconstructions,
)
from training.figures.trajectory import save_trajectory

__all__ = [
    "NUM_COLUMNS",
    "NUM_SAMPLE_ROWS",
    "as_pixels",
    "beside_context",
    "save_captioned",
    "save_chains",
    "save_comparison",
    "save_conditional_reconstructions",
    "save_conditional_samples",
    "save_examples",
    "save_grid",
    "save_reconstructions",
    "save_trajectory",
]
