"""Makes from the recipe of an infusion model what it describes."""

import keras

import zoo
from training.kinds.optimizers import make_optimizer
from zoo.errors import UsageError

__all__ = ["make_infusion_model"]

_OBJECTIVE = "Infusion"


def make_infusion_model(recipe, data):
    """Makes the recipe's infusion model with its initial weights, compiled.

    Args:
        recipe: A `Recipe` whose architecture is `InfusionModel`.
        data: The `ImageDataset`, which says the image shape.

    Raises:
        UsageError: The data have context images, or the recipe asks for what is not to be had; the
            message says which.
    """
    if data.context_shape is not None:
        raise UsageError(
            f"{recipe.name} models images alone, and the examples of {data.name} have context "
            "images beside them. Give --dataset without context, such as mnist."
        )
    if recipe.objective != {"class_name": _OBJECTIVE, "arguments": {}}:
        raise UsageError(
            f"An InfusionModel is trained by {_OBJECTIVE}, without arguments, and {recipe.name} "
            f"names the objective {recipe.objective['class_name']!r}. Leave --objective out."
        )
    keras.utils.set_random_seed(recipe.seed)
    try:
        model = zoo.InfusionModel(data.image_shape, **recipe.architecture["arguments"])
        model.compile(make_optimizer(recipe), seed=recipe.seed)
    except (TypeError, ValueError) as error:
        raise UsageError(str(error)) from error
    return model
