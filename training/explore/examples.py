"""The images that a page offers: of the test split, or where that is not there, samples."""

import dataclasses

import numpy as np

from training import datasets
from training.figures.grids import as_levels
from zoo.errors import UserError

__all__ = ["Examples", "find_examples"]

NUM_EXAMPLES = 16


@dataclasses.dataclass(frozen=True)
class Examples:
    """Images to choose from.

    Attributes:
        images: uint8 `[N, H, W, C]`.
        contexts: Their context images, uint8 `[N, ...]`, of a conditional model; else None.
        origin: A sentence that says where they come from.
        channels_are_images: As in `figures.as_pixels`.
    """

    images: np.ndarray
    contexts: np.ndarray | None
    origin: str
    channels_are_images: bool = False


def find_examples(model, recipe):
    """Returns the `Examples` for a model.

    Args:
        model: A model with `sample`, `image_shape` and `context_shape`.
        recipe: The `Recipe` whose test split is wanted, or None.

    Raises:
        UserError: The model is conditional, and the data of its contexts are not there.
    """
    reason = "it is not known what the model was trained on"
    if recipe is not None:
        try:
            return _of_test_split(model, recipe)
        except (OSError, ValueError, UserError) as error:
            reason = f"{recipe.data['name']} cannot be read: {error}"
    if model.context_shape is not None:
        raise UserError(
            f"A conditional model needs context images, which come from its data; but {reason}"
        )
    samples = as_levels(model.sample(NUM_EXAMPLES, seed=0))
    return Examples(samples, None, f"Samples of the model stand for test images, for {reason}")


def _of_test_split(model, recipe):
    data = datasets.load_for(recipe)
    if data.image_shape != model.image_shape:
        raise ValueError(f"its images are of shape {data.image_shape}")
    num = min(NUM_EXAMPLES, data.num_examples["test"])
    drawn = data.sample_examples("test", num, seed=0)
    contexts = drawn["context"] if model.context_shape is not None else None
    origin = f"Images of the test split of {data.name}."
    return Examples(drawn["image"], contexts, origin, data.channels_are_images)
