"""The latent square [-1, 1]² cut into equal tiles, each with a share 1/A of the prior's mass."""

import numpy as np

__all__ = ["initial_reconstructions", "tile_centers"]

_JITTER = 0.01


def tile_centers(tiles_per_side=32):
    """Returns the tiles' centres, float32 `[A, 2]` with A = tiles_per_side², row after row."""
    edges = (np.arange(tiles_per_side) + 0.5) / tiles_per_side
    axis = 2.0 * edges - 1.0
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2).astype("f4")


def initial_reconstructions(tiles_per_side=32, seed=0):
    """Returns g at the start, `[A, 2]`: the tiles' centres, moved by up to ±0.01 [choice]."""
    noise = np.random.default_rng(seed).uniform(-_JITTER, _JITTER, (tiles_per_side**2, 2))
    return (tile_centers(tiles_per_side) + noise).astype("f4")
