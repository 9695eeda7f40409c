"""Measures of trained models, one file a measure, each with `measure(model, data)`.

It gives a dict of numbers. `vae-zoo evaluate --measure NAME` calls it by the name of its file. A
measure that cannot be taken of every model or data set has a `check(model, data)`, too.
"""

import importlib

from zoo.errors import UsageError

__all__ = ["DESCRIPTIONS", "NAMES", "check", "measure"]

DESCRIPTIONS = {
    "active_units": "how many latents move with the image",
    "aggregate_posterior": "MMD² between q(z) and the prior beside its null; covariance of q(z)",
    "annealed_importance_sampling": "log p(x), nats, whatever the posterior; takes minutes",
    "chain_steps": "error and sharpness after each step of a chain",
    "class_distribution": "whether samples have the data's share of each class",
    "frechet_distance": "samples and data in our classifier's features; no FID",
    "generated_accuracy": "whether samples answer their contexts (conditional models)",
    "linear_classifier": "the error of a linear classifier on z with 100 and 1000 labels",
    "marginal_kl": "KL(q(z) | p(z)), nats, by mixture and by density ratio; takes minutes",
    "mutual_information": "I(x; z), nats, at most the logarithm of the number of images",
    "quantized_likelihood": "σ*, and nats a pixel under a normal of that scale, quantised",
    "sharpness": "the variance of the Laplacian of data, reconstructions and samples",
}
NAMES = tuple(DESCRIPTIONS)
_WITH_CONTEXT = ("generated_accuracy", "quantized_likelihood")
_OF_IMAGES = ("chain_steps", "class_distribution", "frechet_distance", "sharpness")


def measure(name, model, data):
    """Measures a model on a data set's test split by the measure of that name, one of `NAMES`."""
    return _module(name).measure(model, data)


def check(name, model, data):
    """Raises UsageError if the measure of that name is not about such a model and data set."""
    kind = type(model).__name__
    has_context = model.context_shape is not None
    if has_context and name not in _WITH_CONTEXT:
        raise UsageError(f"{name} does not measure a model with context, as this {kind}.")
    if not has_context and name == "generated_accuracy":
        raise UsageError(f"{name} does not measure a model without context, as this {kind}.")
    if name not in _OF_IMAGES and not hasattr(model, "log_posterior"):
        raise UsageError(f"{name} measures latents, and {kind} has none.")
    if name == "chain_steps" and not model.has_chain:
        raise UsageError(
            f"chain_steps measures models that draw images in steps, and {kind} gives no chain."
        )
    check_data = getattr(_module(name), "check", None)
    if check_data is not None:
        check_data(model, data)


def _module(name):
    return importlib.import_module(f"{__name__}.{name}")
