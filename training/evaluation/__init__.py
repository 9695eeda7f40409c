"""Measures of trained models, one file a measure, each with `measure(model, data)`.

It gives a dict of numbers. `vae-zoo evaluate --measure NAME` calls it by the name of its file.
"""

import importlib

import zoo
from training.errors import UsageError

__all__ = ["NAMES", "check", "measure"]

NAMES = (
    "active_units",
    "aggregate_posterior",
    "annealed_importance_sampling",
    "chain_steps",
    "class_distribution",
    "frechet_distance",
    "generated_accuracy",
    "linear_classifier",
    "marginal_kl",
    "mutual_information",
    "quantized_likelihood",
    "sharpness",
)
_OF_IMAGES = ("chain_steps", "class_distribution", "frechet_distance", "sharpness")


def measure(name, model, data):
    """Measures a model on a data set's test split by the measure of that name, one of `NAMES`."""
    return importlib.import_module(f"{__name__}.{name}").measure(model, data)


def check(name, model):
    """Raises UsageError if the measure of that name is not about such a model."""
    kind = type(model).__name__
    is_conditional = model.context_shape is not None
    if is_conditional != (name == "generated_accuracy"):
        without = "with" if is_conditional else "without"
        raise UsageError(f"{name} does not measure a model {without} context, as this {kind}.")
    if name not in _OF_IMAGES and not isinstance(model, zoo.LatentImageModel):
        raise UsageError(f"{name} measures latents, and {kind} has none.")
    if name == "chain_steps" and not model.has_chain:
        raise UsageError(
            f"chain_steps measures models that draw images in steps, and {kind} gives no chain."
        )
