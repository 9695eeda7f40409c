"""Pictures of chains: how images come about, step by step."""

import numpy as np

from training.figures.grids import save_conditional_samples, save_grid

__all__ = ["save_chains"]


def save_chains(path, chain, images=None, channels_are_images=False):
    """Saves a row an image: the data first, then after a wider gap the image after each step.

    Args:
        path: A PNG file; its folder is made.
        chain: The images of T steps, `[T, N, H, W, C]`, float in [0, 1] or uint8.
        images: The data, `[N, H, W, C]`, likewise; None for chains of samples.
        channels_are_images: As in `figures.as_pixels`.
    """
    chain = np.asarray(chain)
    num_steps = len(chain)
    row_by_row = np.swapaxes(chain, 0, 1).reshape(-1, *chain.shape[2:])
    if images is None:
        save_grid(path, row_by_row, num_steps, channels_are_images)
    else:
        save_conditional_samples(path, images, row_by_row, num_steps, channels_are_images)
