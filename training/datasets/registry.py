"""Data sets by name: each registers in its own file."""

import dataclasses
import inspect
from collections.abc import Callable

from training.datasets import binarization
from training.datasets.image_dataset import ImageDataset
from training.datasets.resizing import FITS
from zoo import checks
from zoo.errors import MismatchError
from zoo.names import did_you_mean

CORRUPT_CHOICES = ("refuse", "skip")
_OPTIONS = ("name", "image_size", "fit", "channels", "corrupt", "data_dir", "seed", "rounds")


@dataclasses.dataclass(frozen=True)
class _Entry:
    """How a data set is loaded; attributes as the arguments of `register`."""

    load: Callable[..., ImageDataset]
    rest: str | None
    default: str | None

    @property
    def options(self) -> list[str]:
        """Names of those options that the data set takes."""
        parameters = list(inspect.signature(self.load).parameters)
        return parameters[1:] if self.rest else parameters


_ENTRIES: dict[str, _Entry] = {}


def register(name: str, rest: str | None = None, default: str | None = None):
    """Returns a decorator that registers a function which loads a data set.

    The function takes, by their names, those of the options of `load` that mean something to the
    set, with `image_size` as (height, width) or None, and may take `name`, what the set was called.

    Args:
        name: What the set is called.
        rest: What people write after `name:`, such as "PATH"; the function's first argument.
        default: The rest where only `name` is given; None: there must be one.
    """

    def decorate(load):
        _ENTRIES[name] = entry = _Entry(load, rest, default)
        if unknown := set(entry.options) - set(_OPTIONS):
            raise ValueError(f"Expected options among {_OPTIONS}, received {sorted(unknown)}.")
        return load

    return decorate


def names() -> list[str]:
    """The names of the data sets, with what is to be written after a colon."""
    plain = [name for name, entry in _ENTRIES.items() if not entry.rest or entry.default]
    others = [f"{name}:{e.rest}" for name, e in _ENTRIES.items() if name not in plain]
    return [*sorted(plain), *sorted(others)]


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
    - `mnist`, `fashion_mnist`, `cifar10`: through TensorFlow Datasets, downloaded on first use. The
      last 5000 training images are the validation split.
    - `color_mnist`, `mnist_triplets`, `mnist_sum`, `mnist_sum_hard`, `mnist_rotate`,
      `micro_mnist`: composed of MNIST's digits (docs/DATASETS.md shows them), or of another set's:
      `color_mnist:digits`, `mnist_sum:tfds:kmnist`. Size, fit and data_dir are those of that set.
    - `celeb_a`: faces at 64x64 pixels, from the centred 108x108, with the official splits. Google
      Drive often refuses its files: docs/DATASETS.md says how to bring them by hand.
    - `lsun:CATEGORY`, for instance `lsun:bedroom`, which is also `lsun`: scenes or objects at 64x64
      pixels. Preparing it takes `pip install 'vae-zoo[lsun]'` and, for bedrooms, 140 GB of disk.
    - `topology:NAME`: images whose topology is known, drawn by arithmetic, 16x16 by default:
      interval, circle, two_circles, sphere, torus, projective, stratified, moving_blob, moving_bar.
    - `folder:PATH`: the images in a folder and its subfolders.
    - `tfds:NAME`: any TensorFlow Datasets set with an `image` feature, for instance
      `tfds:kmnist` or `tfds:cifar10_corrupted/fog_3`.

    Args:
        name: One of the names above.
        image_size: Side of the square images wanted, or (height, width), in pixels. By default
            the images keep their size (`digits`, `topology:NAME`: 16), which must then be the same
            for all; of `celeb_a` and `lsun` it is 64.
        fit: How an image is brought to `image_size`: "crop" cuts the largest centred window of
            the wanted shape and resizes it, "resize" stretches the whole image, "exact" refuses
            an image of another size, "patches" cuts each photograph of a folder into many (about
            20, of one reduced to 4 of them along its shorter side). `digits` are always resized;
            "crop" of `celeb_a` starts from the centred 108x108 pixels.
        channels: 1 for greyscale or 3 for colour; by default what the data has (a folder: 3
            where an image has colour).
        corrupt: What to do about the files of a folder that cannot be read: "refuse" raises an
            error that names them, "skip" leaves them out with one warning that names them.
        data_dir: Where TensorFlow Datasets keeps its data; by default the environment variable
            TFDS_DATA_DIR, else `~/tensorflow_datasets`.
        binarize: "static" makes each pixel 0 or 255, white with its value as the probability, the
            same draw every time; "threshold" makes values of 128 and more white.
        dequantize: Whether to spread each pixel's level over its cell, (value + u) / 256 with u
            uniform in [0, 1): float32 images with new noise in each training batch.
        seed: Of the composition of a composed set, the points of `topology:NAME`, of static
            binarisation and dequantisation.
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
    if image_size is not None:
        image_size = _as_sides(image_size)
    checks.choice("fit", fit, FITS)
    checks.choice("corrupt", corrupt, CORRUPT_CHOICES)
    if channels is not None:
        checks.choice("channels", channels, (1, 3), remedy="Leave it unset to keep what there is.")
    if binarize is not None:
        checks.choice("binarize", binarize, binarization.BINARIZATIONS)
    if binarize and dequantize:
        raise MismatchError(
            "dequantize",
            "either $binarize or $dequantize",
            "both",
            "leave one out: binary pixels have no levels to spread",
        )
    checks.integer("rounds", rounds)
    reading = {"channels": channels, "corrupt": corrupt, "data_dir": data_dir, "seed": seed}
    data = load_levels(name, fit, rounds, image_size=image_size, **reading)
    if binarize:
        data = binarization.binarize(data, binarize, seed)
    return dataclasses.replace(data, dequantization_seed=seed) if dequantize else data


def _as_sides(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Returns (height, width)."""
    if isinstance(image_size, (tuple, list)):
        return checks.integers("image_size", image_size, length=2, why="(height, width) in pixels")
    return (checks.integer("image_size", image_size, why="a number of pixels"),) * 2


def load_levels(name: str, fit: str, rounds: int = 1, **others) -> ImageDataset:
    """Loads a data set with the 256 levels of its pixels; arguments as in `load`, checked there."""
    own, colon, rest = name.partition(":")
    entry = _ENTRIES.get(own)
    rest = rest or (entry and not colon and entry.default)
    if entry is None or bool(entry.rest) != bool(rest) or (colon and not rest):
        raise _unknown_name(name)
    if fit == "patches" and own != "folder":
        raise MismatchError("fit", "a folder for $fit=patches", name, "give $fit=crop")
    if rounds > 1 and "rounds" not in entry.options:
        refuse_rounds(name, rounds)
    given = {"name": name, "fit": fit, "rounds": rounds, **others}
    arguments = {option: given[option] for option in entry.options}
    return entry.load(rest, **arguments) if entry.rest else entry.load(**arguments)


def refuse_rounds(name: str, rounds: int) -> None:
    """Raises ValueError: the set is what it is."""
    raise ValueError(
        f"Expected a composed set, such as mnist_sum, for rounds={rounds}, received {name}; "
        "leave rounds out."
    )


def _unknown_name(name: str) -> MismatchError:
    """Says which names exist and which of them are near `name`."""
    return MismatchError(
        "dataset",
        f"$dataset to be one of {', '.join(names())}",
        repr(name),
        "write tfds:NAME for another set of TensorFlow Datasets, folder:PATH for your own images."
        f"{did_you_mean(name, names())}",
    )
