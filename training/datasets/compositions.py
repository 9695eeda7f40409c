"""Data sets composed of several digits: colours, sums and rotations (Taming VAEs, Section 4).

A composed example is a row of a table of source images, the table a function of the source labels
and a seed. So nothing is written to disk, every process composes the same bytes, and a split of
the composed set has images of the same split of its base only. That is why these are transforms
of a base set and not builders of TensorFlow Datasets, which would store each image up to three
times, under one seed, for one base.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import numpy as np

from training.datasets import sources
from training.datasets.image_dataset import ImageDataset
from training.datasets.registry import load_levels, refuse_rounds, register
from training.datasets.rotation import rotate
from training.datasets.sources import NUM_DIGITS, NUM_MICRO_IMAGES
from training.datasets.splits import MemorySplit
from zoo.errors import MismatchError

DEFAULT_BASE = "mnist"
DEGREES_PER_DIGIT = 30
LARGEST_BYTES = 2**32  # Of a composed set, which is held in memory.

Columns = tuple[np.ndarray, ...]  # source images `[N, H, W, 1]` or labels `[N]`, one a column


@dataclasses.dataclass(frozen=True)
class _Composition:
    """How a set is composed.

    An example has a source image in each column of the table of sources.

    Attributes:
        description: What an example is; `{base}` stands for the base's name.
        choose: Maps labels `[M]` and a seed to the table of sources, int64 `[N, columns]`.
        image: The columns that are the channels of `image`.
        context: The columns that are the channels of `context`; none for a set without context.
        label: The columns whose digits, one after the other, are the composed `label`.
        num_classes: Number of classes of that label.
        turned_by: The column whose digit says how far `image` is turned, if it is.
        channels_are_images: As in `ImageDataset`.
    """

    description: str
    choose: Callable[[np.ndarray, int], np.ndarray]
    image: tuple[int, ...]
    label: tuple[int, ...]
    num_classes: int
    context: tuple[int, ...] = ()
    turned_by: int | None = None
    channels_are_images: bool = False

    def arrange(self, images: Columns, labels: Columns) -> dict[str, np.ndarray]:
        """Makes the examples' arrays of the columns' images and labels."""
        image = _as_channels(images, self.image)
        if self.turned_by is not None:
            image = _turn(image, labels[self.turned_by])
        label = functools.reduce(lambda number, c: 10 * number + labels[c], self.label, 0)
        arrays = {"image": image, "label": label.astype(np.int32)}
        return arrays | ({"context": _as_channels(images, self.context)} if self.context else {})


def _as_channels(images: Columns, chosen: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([images[column] for column in chosen], axis=-1)


def _turn(images: np.ndarray, digits: np.ndarray) -> np.ndarray:
    turned = np.empty_like(images)
    for digit in range(NUM_DIGITS):
        places = digits == digit
        turned[places] = rotate(images[places], DEGREES_PER_DIGIT * digit)
    return turned


def load_composition(
    name: str, base_name: str, load_base: Callable[[], ImageDataset], seed: int, rounds: int = 1
) -> ImageDataset:
    """Composes a set of the digits of a base set.

    Sources are chosen within a split: the training examples are made of training images only, and
    so on. The n-th example has the n-th image of the split as its first source, so that a composed
    split is as large as the base's; the other sources are drawn so that every image serves
    equally often (for a sum's result: every image of its class).

    Args:
        name: One of `COMPOSITIONS`.
        base_name: What the base is called, for the composed set's name and description.
        load_base: Loads the base: grey images of ten classes, the digits 0 to 9.
        seed: Of the choice of sources.
        rounds: How often the training split goes through its base, each time with other partners.

    Returns:
        The data set, in memory.

    Raises:
        ValueError: If the base has no grey images of ten classes, too few of a class, or so many
            and large ones that the composed set would not fit in `LARGEST_BYTES`.
    """
    composition = COMPOSITIONS[name]
    base = load_base()
    _check_base(name, base)
    if name == "micro_mnist":
        splits = dict.fromkeys(base.splits, _compose(name, base, "train", seed))
    else:
        _check_memory(name, base, rounds)
        times = {"train": rounds}
        splits = {s: _compose(name, base, s, seed, times.get(s, 1)) for s in base.splits}
    size = base.image_shape[:2]
    return ImageDataset(
        name=name if base_name == DEFAULT_BASE else f"{name}:{base_name}",
        image_shape=(*size, len(composition.image)),
        num_classes=composition.num_classes,
        description=composition.description.format(base=base_name),
        splits=splits,
        context_shape=(*size, len(composition.context)) if composition.context else None,
        channels_are_images=composition.channels_are_images,
        licence=base.licence,
        caveat=base.caveat,
        version=base.version,
    )


def _check_base(name: str, base: ImageDataset) -> None:
    if base.context_shape is not None:
        raise ValueError(
            f"Expected {name} to be composed of single images, received {base.name}, which is "
            f"itself composed; give a plain base, as in {name}:digits."
        )
    if base.num_classes != NUM_DIGITS or base.image_shape[2] != 1:
        raise ValueError(
            f"Expected {name} to be composed of grey images of {NUM_DIGITS} classes, received "
            f"{base.name} with images of shape {base.image_shape} and "
            f"{base.num_classes or 'no'} classes; choose another base, as in {name}:digits."
        )


def _check_memory(name: str, base: ImageDataset, rounds: int) -> None:
    """Raises ValueError where the composed set, which is held in memory, would be too large."""
    composition = COMPOSITIONS[name]
    channels = len(composition.image) + len(composition.context)
    height, width = base.image_shape[:2]
    num_examples = sum(base.num_examples.values()) + (rounds - 1) * base.num_examples["train"]
    num_bytes = num_examples * height * width * channels
    if num_bytes > LARGEST_BYTES:
        raise MismatchError(
            "image_size",
            f"{name} to fit in {LARGEST_BYTES / 2**30:g} GiB of memory",
            f"{height}x{width} pixels of {base.name}, which make {num_bytes / 2**30:.1f} GiB",
            "give a smaller $image_size, for instance $image_size=64, or fewer rounds",
        )


def _compose(name: str, base: ImageDataset, split: str, seed: int, rounds: int = 1) -> MemorySplit:
    arrays = base.arrays(split)
    images, labels = arrays["image"], arrays["label"]
    _check_classes(name, base, split, labels)
    # Seeds of later rounds are beyond those that people give.
    tables = [COMPOSITIONS[name].choose(labels, seed + (k << 32)) for k in range(rounds)]
    columns = np.concatenate(tables).T
    return MemorySplit(
        COMPOSITIONS[name].arrange(
            tuple(images[column] for column in columns), tuple(labels[column] for column in columns)
        )
    )


def _check_classes(name: str, base: ImageDataset, split: str, labels: np.ndarray) -> None:
    counts = np.bincount(labels, minlength=NUM_DIGITS)
    if counts.min() < 2:
        raise ValueError(
            f"Expected at least 2 images of each class to compose {name} of, received "
            f"{counts.min()} of class {counts.argmin()} in the {split} split of {base.name}; "
            "choose a larger base."
        )


# === The sets ===


COMPOSITIONS: Mapping[str, _Composition] = {
    "color_mnist": _Composition(
        "Three digits of {base} as the red, green and blue channel; label 314 is red 3, green 1, "
        "blue 4 (Metz et al. 2017).",
        choose=sources.choose_three,
        image=(0, 1, 2),
        label=(0, 1, 2),
        num_classes=1000,
    ),
    "mnist_triplets": _Composition(
        "Three digits of {base} as channels, the third the last digit of the sum of the others; "
        "label 47 is 4, 7 and thus 1.",
        choose=sources.choose_sum,
        image=(0, 1, 2),
        label=(0, 1),
        num_classes=100,
        channels_are_images=True,
    ),
    "mnist_sum": _Composition(
        "Given two digits of {base}, a digit that is the last one of their sum; its label.",
        choose=sources.choose_sum,
        context=(0, 1),
        image=(2,),
        label=(2,),
        num_classes=10,
    ),
    "mnist_sum_hard": _Composition(
        "Given a digit of {base}, two digits whose sum ends in it; label 47 is 4 and 7.",
        choose=sources.choose_sum,
        context=(2,),
        image=(0, 1),
        label=(0, 1),
        num_classes=100,
        channels_are_images=True,
    ),
    "mnist_rotate": _Composition(
        "Given two digits of {base}, another one of the first one's class, rotated "
        "counterclockwise by 30 degrees times the second; the class.",
        choose=sources.choose_rotation,
        context=(0, 1),
        image=(2,),
        turned_by=1,
        label=(0,),
        num_classes=10,
    ),
    "micro_mnist": _Composition(
        "Seven digits of {base}, the first training image of each of 0 to 6, in every split.",
        choose=sources.choose_micro,
        image=(0,),
        label=(0,),
        num_classes=NUM_MICRO_IMAGES,
    ),
}


# === Their names ===


def _load_named(kind, base_name, name, image_size, fit, channels, corrupt, data_dir, seed, rounds):
    own_channels = len(COMPOSITIONS[kind].image)
    if channels not in (None, own_channels):
        raise MismatchError(
            "channels",
            f"$channels to be {own_channels}, the number that {name} always has",
            channels,
            "leave $channels unset",
        )
    if kind == "micro_mnist" and rounds > 1:
        refuse_rounds(name, rounds)
    reading = {"channels": 1, "corrupt": corrupt, "data_dir": data_dir, "seed": seed}
    load_base = functools.partial(load_levels, base_name, fit, image_size=image_size, **reading)
    return load_composition(kind, base_name, load_base, seed, rounds)


for _kind in COMPOSITIONS:
    register(_kind, "BASE", DEFAULT_BASE)(functools.partial(_load_named, _kind))
