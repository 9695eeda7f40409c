"""Measures of trained models, one file a measure, each with `measure(model, data)`.

It gives a dict of numbers. `vae-zoo evaluate --measure NAME` calls it by the name of its file.
"""

import importlib

__all__ = ["NAMES", "measure"]

NAMES = (
    "aggregate_posterior",
    "chain_steps",
    "generated_accuracy",
    "mutual_information",
    "sharpness",
)


def measure(name, model, data):
    """Measures a model on a data set's test split by the measure of that name, one of `NAMES`."""
    return importlib.import_module(f"{__name__}.{name}").measure(model, data)
