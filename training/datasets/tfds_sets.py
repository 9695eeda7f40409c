"""Data sets of TensorFlow Datasets (TFDS) that have images."""

import numpy as np
import tensorflow as tf

from training.datasets.image_dataset import ImageDataset
from training.datasets.resizing import convert_channels, fit_image
from training.datasets.splits import DiskSplit, Example
from training.datasets.tfds_builders import find_builder, prepare

HELD_OUT_FRACTION = 0.05  # of the training images, for a validation or test split TFDS lacks


def load_tfds(
    name: str,
    tfds_name: str,
    image_size: tuple[int, int] | None,
    fit: str,
    channels: int | None,
    data_dir: str | None,
    num_validation: int | None = None,
) -> ImageDataset:
    """Loads a set of TensorFlow Datasets that has an `image` feature.

    A validation or test split that the set lacks is cut from the end of its training images.

    Args:
        name: What the data set is called here.
        tfds_name: What TFDS calls it: `name`, `name/config` or `name/config:version`.
        image_size: (height, width) in pixels, or None to keep the images as they are.
        fit: As in `load`.
        channels: As in `load`.
        data_dir: As in `load`.
        num_validation: How many training images become the validation split, if it is missing;
            by default `HELD_OUT_FRACTION` of them.

    Returns:
        The data set, with the labels of its `label` feature if that is a class.

    Raises:
        ValueError: If TFDS has no such set, it has no images, or they cannot be brought to the
            shape asked for.
        FileNotFoundError: If the data is neither prepared nor can be downloaded.
    """
    # Imported here: other data sets do not need it.
    import tensorflow_datasets as tfds

    builder = find_builder(tfds_name, data_dir)
    features = builder.info.features
    image_feature = _image_feature(name, features)
    image_shape = _output_shape(name, image_feature.shape, image_size, fit, channels)
    prepare(builder, tfds_name)

    has_label = "label" in features and isinstance(features["label"], tfds.features.ClassLabel)

    def decode(record: dict[str, tf.Tensor]) -> Example:
        image = image_feature.decode_example(record["image"])
        if image_size:
            image = fit_image(image, image_size, fit)
        example = {"image": tf.ensure_shape(convert_channels(image, image_shape[2]), image_shape)}
        if has_label:
            example["label"] = tf.cast(record["label"], tf.int32)
        return example

    def split_of(instruction: str, num_examples: int) -> DiskSplit:
        return DiskSplit(
            num_examples=num_examples,
            records=lambda: _open_records(builder, instruction, has_label),
            decode=decode,
            # A record is the encoded image, which is seldom larger than what is decoded from it.
            record_bytes=int(np.prod([side or 512 for side in image_feature.shape])),
        )

    instructions = _divide(
        {split: info.num_examples for split, info in builder.info.splits.items()}, num_validation
    )
    return ImageDataset(
        name=name,
        image_shape=image_shape,
        num_classes=features["label"].num_classes if has_label else None,
        description=" ".join(builder.info.description.split()),
        splits={split: split_of(*arguments) for split, arguments in instructions.items()},
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
        raise ValueError(
            f"Expected images of one size, received {name}, whose images differ in size; give "
            "image_size, for instance image_size=64."
        )
    if fit == "exact" and image_size and None not in stored_size and stored_size != image_size:
        raise ValueError(
            f'Expected images of {image_size[0]}x{image_size[1]} pixels because fit="exact", '
            f"received {name} with {stored_size[0]}x{stored_size[1]}; give "
            'fit="crop" or fit="resize".'
        )
    channels = channels or stored_channels
    if stored_channels is None or (channels != stored_channels and stored_channels not in (1, 3)):
        raise ValueError(
            f"Expected images with 1 or 3 channels to turn into {channels}, received {name} with "
            f"{stored_channels or 'a varying number of'} channels; leave channels unset or choose "
            "another set."
        )
    return (*(image_size or stored_size), channels)


def _divide(num_stored: dict[str, int], num_validation: int | None) -> dict[str, tuple[str, int]]:
    """Chooses what of the stored splits becomes training, validation and test data.

    Args:
        num_stored: The number of examples of each stored split.
        num_validation: As in `load_tfds`.

    Returns:
        For each of "train", "validation" and "test": the TFDS instruction that reads it, and its
        number of examples.
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
    return builder.as_dataset(
        split=instruction,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(wanted, {"image": tfds.decode.SkipDecoding()}),
        read_config=tfds.ReadConfig(try_autocache=False, skip_prefetch=True),
    )
