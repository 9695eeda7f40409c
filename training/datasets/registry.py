"""Finds a data set by its name."""

import difflib

from training.datasets.digits import load_digits
from training.datasets.folder import load_folder
from training.datasets.image_dataset import ImageDataset
from training.datasets.resizing import FITS, check_channels, check_choice, check_image_size
from training.datasets.tfds_sets import load_tfds

NAMES = ("digits", "mnist", "cifar10", "folder:PATH", "tfds:NAME")
CORRUPT_CHOICES = ("refuse", "skip")


def load(
    name: str,
    *,
    image_size: int | tuple[int, int] | None = None,
    fit: str = "crop",
    channels: int | None = None,
    corrupt: str = "refuse",
    data_dir: str | None = None,
) -> ImageDataset:
    """Loads a data set.

    - `digits`: scikit-learn's 1797 handwritten digits; needs no download.
    - `mnist`, `cifar10`: through TensorFlow Datasets, downloaded on first use. The last 5000
      training images are the validation split.
    - `folder:PATH`: the images in a folder and its subfolders.
    - `tfds:NAME`: any TensorFlow Datasets set with an `image` feature, for instance
      `tfds:fashion_mnist` or `tfds:cifar10_corrupted/fog_3`.

    Args:
        name: One of the names above.
        image_size: Side of the square images wanted, or (height, width), in pixels. By default
            the images keep their size (`digits`: 16), which must then be the same for all.
        fit: How an image is brought to `image_size`: "crop" cuts the largest centred window of
            the wanted shape and resizes it, "resize" stretches the whole image, "exact" refuses
            an image of another size. `digits` are always resized.
        channels: 1 for greyscale or 3 for colour; by default what the data has (a folder: what
            its first image has).
        corrupt: What to do about the files of a folder that cannot be read: "refuse" raises an
            error that names them, "skip" leaves them out with one warning that names them.
        data_dir: Where TensorFlow Datasets keeps its data; by default the environment variable
            TFDS_DATA_DIR, else `~/tensorflow_datasets`.

    Returns:
        The data set, with splits "train", "validation" and "test".

    Raises:
        ValueError: If the name is unknown, an option has no such value, or the data has no
            images, images of several sizes, or unreadable files.
        FileNotFoundError: If the folder is missing or empty, or the data is neither prepared
            nor can be downloaded.
    """
    image_size = check_image_size(image_size)
    check_choice("fit", fit, FITS)
    check_choice("corrupt", corrupt, CORRUPT_CHOICES)
    check_channels(channels)
    kind, _, rest = name.partition(":")
    if name == "digits":
        return load_digits(image_size, channels)
    if name in ("mnist", "cifar10"):
        return load_tfds(
            name, name, image_size, fit, channels, data_dir=data_dir, num_validation=5000
        )
    if kind == "folder" and rest:
        return load_folder(rest, image_size, fit, channels, corrupt)
    if kind == "tfds" and rest:
        return load_tfds(name, rest, image_size, fit, channels, data_dir=data_dir)
    raise ValueError(_unknown_name_message(name))


def _unknown_name_message(name: str) -> str:
    """Says which names exist and which of them are near `name`."""
    near = difflib.get_close_matches(name, NAMES)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return (
        f"Unknown data set: expected one of {', '.join(NAMES)}, received {name!r}.{hint} "
        "For another set of TensorFlow Datasets write tfds:NAME, for your own images folder:PATH."
    )
