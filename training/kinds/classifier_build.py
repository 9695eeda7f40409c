"""Makes from a classifier's recipe what it describes: the compiled model and its batches."""

import keras

import zoo
from training.datasets.augmentation import augment_batches
from training.kinds.optimizers import make_optimizer
from zoo.errors import UsageError
from zoo.names import did_you_mean

__all__ = ["make_classifier", "train_batches"]

_OBJECTIVE = "CrossEntropy"
_COMPILE_ARGUMENTS = ("label_smoothing", "training_dtype")
_AUGMENTATIONS = ("shift", "flip")


def make_classifier(recipe, data):
    """Makes the recipe's classifier with its initial weights, compiled.

    Args:
        recipe: A `Recipe` whose architecture is `ConvClassifier`.
        data: The `ImageDataset`, which says the image shape and the number of classes.

    Raises:
        UsageError: The data have no labels, or context images, or the recipe asks for what is not
            to be had; the message says which.
    """
    _check_data(recipe, data)
    _check_objective(recipe)
    arguments = recipe.objective["arguments"]
    keras.utils.set_random_seed(recipe.seed)
    try:
        model = zoo.ConvClassifier(
            data.image_shape, data.num_classes, **recipe.architecture["arguments"]
        )
        model.compile(
            make_optimizer(recipe),
            **{name: arguments[name] for name in _COMPILE_ARGUMENTS if name in arguments},
        )
    except (TypeError, ValueError) as error:
        raise UsageError(str(error)) from error
    return model


def _check_data(recipe, data):
    if data.num_classes is None:
        raise UsageError(
            f"{recipe.name} learns to tell classes apart, and {data.name} has no labels. Give "
            "--dataset with labels, such as digits, mnist or cifar10."
        )
    if data.context_shape is not None:
        raise UsageError(
            f"{recipe.name} classifies images alone, and the examples of {data.name} have context "
            "images beside them. Give --dataset without context, such as mnist."
        )


def _check_objective(recipe):
    name = recipe.objective["class_name"]
    if name != _OBJECTIVE:
        raise UsageError(
            f"A classifier is trained by {_OBJECTIVE}, and {recipe.name} names the objective "
            f"{name!r}. Leave --objective out."
        )
    known = (*_COMPILE_ARGUMENTS, *_AUGMENTATIONS)
    unknown = [argument for argument in recipe.objective["arguments"] if argument not in known]
    if unknown:
        raise UsageError(
            f"{_OBJECTIVE} has no arguments {unknown}.{did_you_mean(unknown[0], known)} It has "
            f"{', '.join(known)}."
        )


def train_batches(recipe, data, start_step):
    """Returns the endless stream of the recipe's training batches, augmented, from a step on.

    Raises:
        UsageError: An image cannot be shifted that far.
    """
    arguments = recipe.objective["arguments"]
    augmentation = {name: arguments[name] for name in _AUGMENTATIONS if name in arguments}
    batches = data.train_batches(recipe.batch_size, recipe.seed, start_step)
    try:
        return augment_batches(batches, recipe.seed, start_step, **augmentation)
    except ValueError as error:
        raise UsageError(str(error)) from error
