"""Finds a data set by its name."""

import dataclasses
import difflib
import functools

from training.datasets import binarization
from training.datasets.celeb_a import load_celeb_a
from training.datasets.compositions import COMPOSITIONS, DEFAULT_BASE, load_composition
from training.datasets.digits import load_digits
from training.datasets.folder import load_folder
from training.datasets.image_dataset import ImageDataset
from training.datasets.lsun import DEFAULT_CATEGORY, load_lsun
from training.datasets.resizing import FITS, check_channels, check_choice, check_image_size
from training.datasets.tfds_sets import load_tfds

NAMES = (
    *("digits", "mnist", "cifar10", "celeb_a", "lsun:CATEGORY"),
    *COMPOSITIONS,
    *("folder:PATH", "tfds:NAME"),
)
CORRUPT_CHOICES = ("refuse", "skip")


def load(
    name: str,
    *,
    image_size: int | tuple[int, int] | None = None,
    fit: str = "crop",
    channels: int | None = None,
    corrupt: str = "refuse",
    data_dir: str | None = None,
    binarize: str | None = None,
    dequantize: bool = False,
    seed: int = 0,
    rounds: int = 1,
) -> ImageDataset:
    """Loads a data set.

    - `digits`: scikit-learn's 1797 handwritten digits; needs no download.
    - `mnist`, `cifar10`: through TensorFlow Datasets, downloaded on first use. The last 5000
      training images are the validation split.
    - `color_mnist`, `mnist_triplets`, `mnist_sum`, `mnist_sum_hard`, `mnist_rotate`,
      `micro_mnist`: composed of MNIST's digits (docs/DATASETS.md shows them), or of another set's:
      `color_mnist:digits`, `mnist_sum:tfds:kmnist`. Size, fit and data_dir are those of that set.
    - `celeb_a`: faces at 64x64 pixels, from the centred 108x108, with the official splits. Google
      Drive often refuses its files: docs/DATASETS.md says how to bring them by hand.
    - `lsun:CATEGORY`, for instance `lsun:bedroom`, which is also `lsun`: scenes or objects at 64x64
      pixels. Preparing it takes `pip install 'vae-zoo[lsun]'` and, for bedrooms, 140 GB of disk.
    - `folder:PATH`: the images in a folder and its subfolders.
    - `tfds:NAME`: any TensorFlow Datasets set with an `image` feature, for instance
      `tfds:fashion_mnist` or `tfds:cifar10_corrupted/fog_3`.

    Args:
        name: One of the names above.
        image_size: Side of the square images wanted, or (height, width), in pixels. By default
            the images keep their size (`digits`: 16), which must then be the same for all; of
            `celeb_a` and `lsun` it is 64.
        fit: How an image is brought to `image_size`: "crop" cuts the largest centred window of
            the wanted shape and resizes it, "resize" stretches the whole image, "exact" refuses
            an image of another size. `digits` are always resized; "crop" of `celeb_a` starts
            from the centred 108x108 pixels.
        channels: 1 for greyscale or 3 for colour; by default what the data has (a folder: what
            its first image has).
        corrupt: What to do about the files of a folder that cannot be read: "refuse" raises an
            error that names them, "skip" leaves them out with one warning that names them.
        data_dir: Where TensorFlow Datasets keeps its data; by default the environment variable
            TFDS_DATA_DIR, else `~/tensorflow_datasets`.
        binarize: "static" makes each pixel 0 or 255, white with its value as the probability, the
            same draw every time; "threshold" makes values of 128 and more white.
        dequantize: Whether to spread each pixel's level over its cell, (value + u) / 256 with u
            uniform in [0, 1): float32 images with new noise in each training batch.
        seed: Of the composition of a composed set, of static binarisation and dequantisation.
        rounds: How often the training split of a composed set goes through the images it is
            composed of, each time with other partners: more examples of the same images.

    Returns:
        The data set, with splits "train", "validation" and "test".

    Raises:
        ValueError: If the name is unknown, an option has no such value, or the data has no
            images, images of several sizes, or unreadable files.
        FileNotFoundError: If the folder is missing or empty, or the data is neither prepared
            nor can be downloaded.
        ImportError: If preparing the data takes a package that is not installed.
    """
    image_size = check_image_size(image_size)
    check_choice("fit", fit, FITS)
    check_choice("corrupt", corrupt, CORRUPT_CHOICES)
    check_channels(channels)
    if binarize is not None:
        check_choice("binarize", binarize, binarization.BINARIZATIONS)
    if binarize and dequantize:
        raise ValueError(
            f'Expected either binarize or dequantize, received binarize="{binarize}" and '
            "dequantize=True; binary pixels have no levels to spread."
        )
    if not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"Expected rounds to be an int of at least 1, received {rounds!r}.")
    if rounds > 1 and name.partition(":")[0] not in set(COMPOSITIONS) - {"micro_mnist"}:
        raise ValueError(
            f"Expected a composed set, such as mnist_sum, for rounds={rounds}, received {name}; "
            "leave rounds out."
        )
    data = _load_levels(name, image_size, fit, channels, corrupt, data_dir, seed, rounds)
    if binarize:
        data = binarization.binarize(data, binarize, seed)
    return dataclasses.replace(data, dequantization_seed=seed) if dequantize else data


def _load_levels(
    name: str,
    image_size: tuple[int, int] | None,
    fit: str,
    channels: int | None,
    corrupt: str,
    data_dir: str | None,
    seed: int,
    rounds: int = 1,
) -> ImageDataset:
    """Loads a data set with the 256 levels of its pixels."""
    kind, _, rest = name.partition(":")
    if name == "digits":
        return load_digits(image_size, channels)
    if name in ("mnist", "cifar10"):
        return load_tfds(
            name, name, image_size, fit, channels, data_dir=data_dir, num_validation=5000
        )
    if kind in COMPOSITIONS and (rest or kind == name):
        own_channels = COMPOSITIONS[kind].channels
        if channels not in (None, own_channels):
            raise ValueError(
                f"Expected channels to be {own_channels}, the number that {name} always has, "
                f"received {channels}; leave channels unset."
            )
        base_name = rest or DEFAULT_BASE
        load_base = functools.partial(
            _load_levels, base_name, image_size, fit, 1, corrupt, data_dir, seed
        )
        return load_composition(kind, base_name, load_base, seed, rounds)
    if name == "celeb_a":
        return load_celeb_a(name, image_size, fit, channels, data_dir)
    if kind == "lsun" and (rest or kind == name):
        return load_lsun(name, rest or DEFAULT_CATEGORY, image_size, fit, channels, data_dir)
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
