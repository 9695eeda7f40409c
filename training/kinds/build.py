"""Makes from a recipe what it describes: the data set and the compiled model."""

import inspect
import re

import keras

from training import datasets
from training.kinds import classifier_build, infusion_build
from training.kinds.optimizers import make_optimizer
from zoo import registry
from zoo.errors import UsageError

__all__ = ["load_data", "make_model", "make_model_for", "train_batches"]


def load_data(recipe):
    """Loads the recipe's data set.

    Raises:
        UsageError: The data set is unknown, missing or unreadable; the message says which.
    """
    if recipe.data["name"] == "folder:":
        raise UsageError(
            f"{recipe.name} trains on your own images: add --dataset folder:PATH, and --image-size "
            "for the side of the square they are cut and resized to."
        )
    try:
        return datasets.load(recipe.data["name"], **recipe.data["options"])
    except (ValueError, FileNotFoundError, ImportError) as error:
        raise UsageError(_with_flags(str(error))) from error


def _with_flags(message):
    """Names the settings as the command line does: fit="crop" becomes --fit crop."""
    names = "image_size|fit|channels|corrupt|binarize"
    message = re.sub(rf"\b({names})=[\"']?(\w+)[\"']?", r"--\1 \2", message)
    message = message.replace("dequantize=True", "--dequantize")
    message = message.replace("either binarize or dequantize", "either --binarize or --dequantize")
    message = re.sub(rf"\b(Expected|leave) ({names})\b", r"\1 --\2", message)
    return re.sub(r"(--)?\bimage_size\b", "--image-size", message)


def make_model_for(recipe, data):
    """Makes the recipe's model, of whatever kind, for a data set; otherwise as `make_model`."""
    if recipe.kind == "classifier":
        return classifier_build.make_classifier(recipe, data)
    if recipe.kind == "infusion model":
        return infusion_build.make_infusion_model(recipe, data)
    return make_model(recipe, data.image_shape, data.context_shape)


def train_batches(recipe, data, start_step):
    """Returns the endless stream of the recipe's training batches from a step on."""
    if recipe.kind == "classifier":
        return classifier_build.train_batches(recipe, data, start_step)
    return data.train_batches(recipe.batch_size, recipe.seed, start_step)


def make_model(recipe, image_shape, context_shape=None):
    """Makes the recipe's model with its initial weights, compiled, with a built optimiser.

    Under a strategy, call it in the strategy's scope.

    Args:
        recipe: A `Recipe`.
        image_shape: (height, width, channels) of its data.
        context_shape: (height, width, channels) of its data's context images; None where there are
            none.

    Raises:
        UsageError: The architecture does not take images of this shape or a context, or the
            objective or one of its settings is not to be had; the message says why.
    """
    keras.utils.set_random_seed(recipe.seed)
    try:
        shapes = {"image_shape": image_shape}
        if context_shape is not None:
            _check_conditional(recipe)
            shapes["context_shape"] = context_shape
        model = registry.build("architecture", recipe.architecture, **shapes)
        objective = registry.build("objective", recipe.objective)
        model.compile(make_optimizer(recipe), objective=objective, seed=recipe.seed)
    except ValueError as error:
        raise UsageError(str(error)) from error
    model.optimizer.build(model.trainable_variables)  # So that its state can be restored.
    return model


def _check_conditional(recipe):
    """Refuses a context for a model that would leave it unused."""
    architecture = registry.find("architecture", recipe.architecture["class_name"])
    if "context_shape" not in inspect.signature(architecture).parameters:
        raise UsageError(
            f"The images of {recipe.data['name']} come with context images, and the architecture "
            f"of {recipe.name}, {architecture.__name__}, models images alone. Choose a recipe of a "
            "conditional architecture, ConvDRAW: conv_draw_digits or conv_draw_mnist, for instance."
        )
