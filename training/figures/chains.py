"""Pictures of chains: how images come about, step by step."""

import numpy as np

from training.figures.grids import as_pixels
from training.figures.image_blocks import Block, save_blocks

__all__ = ["save_chains"]


def save_chains(
    path,
    chain,
    images=None,
    channels_are_images=False,
    title="",
    beside="data",
    first_step=1,
):
    """Saves a row an image: the data, if any, then the image after each step, numbered.

    Args:
        path: A PNG file; its folder is made.
        chain: The images of T steps, `[T, N, H, W, C]`, float in [0, 1] or uint8.
        images: What stands before them, `[N, H, W, C]`, likewise; None for nothing.
        channels_are_images: As in `figures.as_pixels`.
        title: Of the picture.
        beside: What `images` are.
        first_step: The number of the first images of the chain; 0 if they are its start.
    """
    steps = np.stack([as_pixels(images, channels_are_images) for images in chain], axis=1)
    captions = tuple(str(step) for step in range(first_step, first_step + len(chain)))
    blocks = [Block("after step", list(steps), captions)]
    if images is not None:
        before = as_pixels(images, channels_are_images)[:, np.newaxis]
        blocks.insert(0, Block(beside, list(before)))
    save_blocks(path, blocks, title)
