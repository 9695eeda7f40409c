"""Tiny models for the page."""

import zoo
from tests.training.tiny import make_model, tiny_recipe
from training.explore.local_model import LocalModel

RANGE = (0.1, 0.8)


def any_tolerance_recipe():
    """The tiny recipe, for a range of tolerances."""
    recipe = tiny_recipe()
    arguments = recipe.architecture["arguments"] | {"tolerance_range": list(RANGE)}
    constraint = {"class_name": "ReconstructionError", "arguments": {"tolerance": list(RANGE)}}
    return tiny_recipe(
        architecture=recipe.architecture | {"arguments": arguments},
        objective={"class_name": "GECO", "arguments": {"constraints": [constraint]}},
    )


def any_tolerance_model(name="any"):
    """A model that takes the tolerance as an input, with digits as test images."""
    recipe = any_tolerance_recipe()
    return LocalModel(name, make_model(recipe, (8, 8, 1)), recipe)


def masked_model():
    """A model that infers from a part of the pixels, of which no data are known."""
    model = zoo.ShortRunModel((8, 8, 1), latent_dims=(2,), num_steps=2, filters=(4,))
    return LocalModel("masked", model)
