"""Images with a hidden half, and what a model that takes masks puts there."""

import numpy as np

from training.figures.grids import as_levels, as_pixels
from training.figures.image_blocks import Block, save_blocks

__all__ = ["fill_in", "save_filled_in"]

_NUM_SHOWN, _NUM_ANSWERS = 8, 6
_TIMES_STEPS = 5  # Chains of masked images are longer than in training: less of an image pulls.
_GREY = 96


def fill_in(model, images, num_answers=_NUM_ANSWERS):
    """Hides the lower half of the first images, the right half of the others, and fills it in.

    Args:
        model: A `zoo.LatentImageModel` that infers by chains and takes masks.
        images: uint8 `[N, H, W, C]`.
        num_answers: Seeds under which the hidden half is drawn.

    Returns:
        What is seen, the rest in grey, uint8 `[N, H, W, C]`; and the answers,
        `[num_answers, N, H, W, C]`.

    Example:
        >>> shown, answers = fill_in(zoo.load("short_run_mnist"), images, num_answers=3)
    """
    _, height, width, _ = images.shape
    masks = np.ones(images.shape[:3], np.float32)
    half = len(images) // 2
    masks[:half, height // 2 :] = 0.0
    masks[half:, :, width // 2 :] = 0.0
    longer = {"num_steps": _TIMES_STEPS * model.num_steps, "mask": masks}
    answers = [
        as_levels(model.reconstruct(images, seed=seed, **longer)) for seed in range(num_answers)
    ]
    return np.where(masks[..., None] > 0.5, images, _GREY).astype(np.uint8), np.stack(answers)


def save_filled_in(path, model, images, channels_are_images=False):
    """Saves a row an image: the image, what is seen of it, and several answers for the rest.

    Args:
        path: A PNG file.
        model: As of `fill_in`.
        images: uint8 `[N, H, W, C]`, of which the first eight are shown.
        channels_are_images: As in `figures.as_pixels`.
    """
    images = images[:_NUM_SHOWN]
    shown, answers = fill_in(model, images)
    blocks = [
        Block(label, list(np.stack([as_pixels(each, channels_are_images) for each in parts], 1)))
        for label, parts in {"data": [images], "seen": [shown], "filled in": answers}.items()
    ]
    save_blocks(path, blocks)
