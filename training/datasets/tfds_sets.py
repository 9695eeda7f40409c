"""Data sets of TensorFlow Datasets (TFDS) that have images."""

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from training.datasets.decoding import decode_image
from training.datasets.image_dataset import ImageDataset
from training.datasets.preparation import MakeBuilder, find_builder, prepared_builder
from training.datasets.registry import register
from training.datasets.resizing import convert_channels, fit_image, least_size
from training.datasets.splits import DiskSplit, Example
from zoo.errors import MismatchError

HELD_OUT_FRACTION = 0.05  # of the training images, for a validation or test split TFDS lacks
MNIST_LICENCE = (
    "MNIST, copyright Y. LeCun and C. Cortes, "
    "[CC BY-SA 3.0](https://creativecommons.org/licenses/by-sa/3.0/); cite Y. LeCun, L. Bottou, "
    "Y. Bengio and P. Haffner, *Gradient-Based Learning Applied to Document Recognition*, 1998"
)


@register("tfds", rest="NAME")
def _load_any(tfds_name, name, image_size, fit, channels, data_dir):
    return load_builder(name, tfds_name, image_size, fit, channels, data_dir)


@register("mnist")
def _load_mnist(name, image_size, fit, channels, data_dir):
    data = load_builder(name, name, image_size, fit, channels, data_dir, num_validation=5000)
    return dataclasses.replace(data, licence=MNIST_LICENCE)


def load_builder(
    name: str,
    builder: str | MakeBuilder,
    image_size: tuple[int, int] | None,
    fit: str,
    channels: int | None,
    data_dir: str | None,
    num_validation: int | None = None,
    window: Sequence[int] | None = None,
) -> ImageDataset:
    """Loads what a TFDS builder with an `image` feature prepares.

    A validation or test split that the set lacks is cut from the end of its training images.

    Args:
        name: What the data set is called here.
        builder: What TFDS calls the set (`name`, `name/config` or `name/config:version`), or a
            function that maps a folder of data, or None, to the builder.
        image_size: (height, width) in pixels, or None to keep the images as they are.
        fit: As in `load`.
        channels: As in `load`.
        data_dir: As in `load`.
        num_validation: How many training images become the validation split, if it is missing;
            by default `HELD_OUT_FRACTION` of them.
        window: (top, left, height, width) of the wanted part of a stored image, before `fit`.

    Returns:
        The data set, with the labels of its `label` feature if that is a class.

    Raises:
        ValueError: If TFDS has no such set, it has no images, or they cannot be brought to the
            shape asked for.
        FileNotFoundError: If the data is neither prepared nor can be downloaded.
        ImportError: If preparing takes a package that is not installed.
    """
    # Imported here: other data sets do not need it.
    import tensorflow_datasets as tfds

    def output_shape(builder) -> tuple[int, int, int]:
        stored_shape = _image_feature(name, builder.info.features).shape
        return _output_shape(name, stored_shape, image_size, fit, channels)

    make_builder = functools.partial(find_builder, builder) if isinstance(builder, str) else builder
    builder = prepared_builder(name, make_builder, data_dir, check=output_shape)
    image_shape = output_shape(builder)
    features = builder.info.features
    stored_shape = features["image"].shape
    least = least_size(image_size, fit)
    has_label = "label" in features and isinstance(features["label"], tfds.features.ClassLabel)

    def decode(record: dict[str, tf.Tensor]) -> Example:
        image = decode_image(record["image"], stored_shape, window, least)
        if image_size:
            image = fit_image(image, image_size, fit)
        example = {"image": tf.ensure_shape(convert_channels(image, image_shape[2]), image_shape)}
        if has_label:
            example["label"] = tf.cast(record["label"], tf.int32)
        return example

    stored = builder.info.splits
    num_stored = {split: info.num_examples for split, info in stored.items()}
    # The mean size of what is stored: most of it is the encoded image.
    num_bytes = sum(info.num_bytes for info in stored.values())
    record_bytes = max(1, num_bytes // max(1, sum(num_stored.values()))) if num_bytes else 2**17

    def split_of(instruction: str, num_examples: int) -> DiskSplit:
        return DiskSplit(
            num_examples=num_examples,
            records=lambda: _open_records(builder, instruction, has_label),
            decode=decode,
            record_bytes=record_bytes,
        )

    instructions = _divide(num_stored, num_validation)
    return ImageDataset(
        name=name,
        image_shape=image_shape,
        num_classes=features["label"].num_classes if has_label else None,
        description=" ".join(builder.info.description.split()),
        splits={split: split_of(*instruction) for split, instruction in instructions.items()},
        class_names=_class_names(features["label"]) if has_label else (),
        licence="licence and citation stand at "
        f"<https://www.tensorflow.org/datasets/catalog/{builder.info.name}>",
        version=builder.info.full_name,
    )


def _image_feature(name: str, features):
    """The `image` feature of a set, or a ValueError if it has no such images."""
    import tensorflow_datasets as tfds

    is_dict = isinstance(features, tfds.features.FeaturesDict)
    feature = features["image"] if is_dict and "image" in features else None
    if not isinstance(feature, tfds.features.Image) or feature.np_dtype != np.uint8:
        raise ValueError(
            f"Expected {name} to have a feature named image that holds uint8 images, received the "
            f"features {' '.join(str(features).split())}; choose a set of images."
        )
    return feature


def _class_names(feature) -> tuple[str, ...]:
    """The names of the classes; none where TFDS has only their numbers."""
    are_numbers = list(feature.names) == [str(number) for number in range(feature.num_classes)]
    return () if are_numbers else tuple(feature.names)


def _output_shape(
    name: str,
    stored_shape: tuple[int | None, ...],
    image_size: tuple[int, int] | None,
    fit: str,
    channels: int | None,
) -> tuple[int, int, int]:
    """The shape of the images after `fit` and `channels`, or a ValueError if there is none."""
    stored_size, stored_channels = stored_shape[:2], stored_shape[2]
    if image_size is None and None in stored_size:
        raise MismatchError(
            "image_size",
            "images of one size",
            f"{name}, whose images differ in size",
            "give $image_size, for instance $image_size=64",
        )
    if fit == "exact" and image_size and None not in stored_size and stored_size != image_size:
        raise MismatchError(
            "fit",
            f"images of {image_size[0]}x{image_size[1]} pixels because of $fit=exact",
            f"{name} with {stored_size[0]}x{stored_size[1]}",
            "give $fit=crop or $fit=resize",
        )
    channels = channels or stored_channels
    if stored_channels is None or (channels != stored_channels and stored_channels not in (1, 3)):
        raise MismatchError(
            "channels",
            f"images with 1 or 3 channels to turn into {channels}",
            f"{name} with {stored_channels or 'a varying number of'} channels",
            "leave $channels unset or choose another set",
        )
    return (*(image_size or stored_size), channels)


def _divide(num_stored: dict[str, int], num_validation: int | None) -> dict[str, tuple[str, int]]:
    """Returns the TFDS instruction that reads each split, and its number of examples.

    Args:
        num_stored: The number of examples of each stored split.
        num_validation: As in `load_builder`.
    """
    main = "train" if "train" in num_stored else max(num_stored, key=num_stored.get)
    end = num_stored[main]
    held_out = max(1, round(end * HELD_OUT_FRACTION))
    divided = {}
    for split, num in (("validation", num_validation or held_out), ("test", held_out)):
        if split in num_stored and split != main:
            divided[split] = (split, num_stored[split])
        else:
            divided[split] = (f"{main}[{end - num}:{end}]", num)
            end -= num
    return {"train": (f"{main}[:{end}]", end), **divided}


def _open_records(builder, instruction: str, has_label: bool) -> tf.data.Dataset:
    """The stored examples in their stored order, images still encoded."""
    import tensorflow_datasets as tfds

    wanted = {"image": True, "label": True} if has_label else {"image": True}
    with _without_notice():
        return builder.as_dataset(
            split=instruction,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding(wanted, {"image": tfds.decode.SkipDecoding()}),
            read_config=tfds.ReadConfig(try_autocache=False, skip_prefetch=True),
        )


@contextlib.contextmanager
def _without_notice():
    """Drops what TFDS's partial decoding says of TFDS's own code: no user can do about it."""

    def is_of_user(record):
        return "FeatureConnector.dtype" not in record.getMessage()

    logger = logging.getLogger("absl")
    logger.addFilter(is_of_user)
    try:
        yield
    finally:
        logger.removeFilter(is_of_user)
