"""MNIST without one of its digits, which a measure then shows as outliers."""

import dataclasses

from training.datasets.registry import load, register
from training.datasets.splits import MemorySplit
from zoo.errors import UsageError

_NAME = "mnist_without"


@register(_NAME, rest="DIGIT")
def _load_without(digit, name, image_size, fit, channels, data_dir):
    if digit not in list("0123456789"):
        raise UsageError(
            f"{_NAME}:DIGIT is MNIST without one digit, from 0 to 9. Received: {name!r}"
        )
    data = load("mnist", image_size=image_size, fit=fit, channels=channels, data_dir=data_dir)
    description = f"MNIST without the digit {digit}, for `outlier_scores`."
    return dataclasses.replace(without(data, int(digit)), name=name, description=description)


def without(data, label):
    """Returns an `ImageDataset` without the images of a label."""
    splits = {}
    for split in ("train", "validation", "test"):
        arrays = data.arrays(split)
        is_kept = arrays["label"] != label
        splits[split] = MemorySplit({key: values[is_kept] for key, values in arrays.items()})
    return dataclasses.replace(data, splits=splits)


def held_out_images(name):
    """Returns the test images of the digit that a data set of this name lacks, uint8; or None."""
    kind, _, digit = name.partition(":")
    if kind != _NAME:
        return None
    arrays = load("mnist").arrays("test")
    return arrays["image"][arrays["label"] == int(digit)]
