"""A user's own images: every image file in a folder and its subfolders."""

import concurrent.futures
import dataclasses
import hashlib
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from training.datasets import image_dataset
from training.datasets.image_dataset import ImageDataset
from training.datasets.image_files import decode_image, find_image_files
from training.datasets.registry import register
from training.datasets.resizing import fit_image
from training.datasets.splits import DiskSplit, Example, MemorySplit
from zoo.errors import MismatchError

VALIDATION_START, TEST_START = 0.90, 0.95  # bounds of the splits, as fractions of all hashes
MAX_NAMES_LISTED = 10


@dataclasses.dataclass(frozen=True)
class _File:
    """What reading one file gave: a place in [0, 1) from its content, and pixels or an error."""

    path: Path
    hash_fraction: float = 0.0
    pixels: np.ndarray | None = None
    error: str | None = None


@register("folder", rest="PATH")
def load_folder(
    folder: str, image_size: tuple[int, int] | None, fit: str, channels: int | None, corrupt: str
) -> ImageDataset:
    """Loads a folder of images.

    Every file is read once here, so that unreadable ones are known before training begins. The
    hash of its content decides the split of an image (90% training, 5% validation, 5% test):
    copies of an image share a split, and an image keeps its split when others are added, except
    in folders so small that a split would otherwise be empty.

    Args:
        folder: The path.
        image_size: (height, width) in pixels; None requires all images to have the same size.
        fit: As in `load`.
        channels: As in `load`.
        corrupt: As in `load`.

    Returns:
        The data set, without labels.

    Raises:
        FileNotFoundError: If the folder is missing or has no image files.
        ValueError: If files cannot be read and `corrupt` is "refuse", images have other sizes
            than wanted, or there are too few of them to make three splits.
    """
    paths = find_image_files(Path(folder).expanduser())
    size, fit, channels = _target(paths, image_size, fit, channels)
    image_shape = (*size, channels)
    fits_in_memory = len(paths) * np.prod(image_shape) < image_dataset.MEMORY_LIMIT_BYTES

    def read(path: Path) -> _File:
        file = _read_file(path, size, fit, channels)
        return file if fits_in_memory else dataclasses.replace(file, pixels=None)

    # Pillow releases Python's lock while it decodes, so threads are enough.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        files = list(pool.map(read, paths))
    _report_unreadable([file for file in files if file.error], len(files), corrupt)
    files = [file for file in files if not file.error]

    def split_of(members: Sequence[_File]) -> DiskSplit | MemorySplit:
        if fits_in_memory:
            return MemorySplit({"image": np.stack([file.pixels for file in members])})
        return _disk_split([file.path for file in members], size, fit, channels)

    return ImageDataset(
        name=f"folder:{folder}",
        image_shape=image_shape,
        num_classes=None,
        description=f"{len(files)} images of the folder {Path(folder).name}.",
        splits={name: split_of(members) for name, members in _divide(files).items()},
    )


def _target(
    paths: Sequence[Path], image_size: tuple[int, int] | None, fit: str, channels: int | None
) -> tuple[tuple[int, int], str, int]:
    """Fills in the size, fit and channels that were not given from the first readable image."""
    if image_size and channels:
        return image_size, fit, channels
    for path in paths:
        try:
            height, width, own_channels = decode_image(path.read_bytes(), channels).shape
        except Exception:  # reported with all the others, once every file is read
            continue
        if image_size:
            return image_size, fit, own_channels
        return (height, width), "exact", own_channels
    raise ValueError(
        f"Expected images that can be read, received {len(paths)} files that cannot, the first "
        f"being {paths[0]}; check that they are what their suffixes say."
    )


def _read_file(path: Path, size: tuple[int, int], fit: str, channels: int) -> _File:
    """Reads one file and brings its image to the wanted size.

    Raises:
        ValueError: If `fit` is "exact" and the image has another size.
    """
    try:
        data = path.read_bytes()
        pixels = decode_image(data, channels)
    except Exception as error:  # Pillow's decoders raise many unrelated types
        # Pillow names the file it was given, which is one in memory.
        reason = re.sub(r" ?<_io\.BytesIO object at 0x[0-9a-fA-F]+>", "", str(error))
        return _File(path, error=f"{type(error).__name__}: {reason}")
    if fit == "exact" and pixels.shape[:2] != size:
        raise MismatchError(
            "image_size",
            f"all images to have {size[0]}x{size[1]} pixels (height x width)",
            f"{path} with {pixels.shape[0]}x{pixels.shape[1]}",
            "give $image_size, for instance $image_size=64, with $fit=crop or $fit=resize",
        )
    # 48 bits, which a float holds exactly.
    hash_fraction = int.from_bytes(hashlib.sha256(data).digest()[:6]) / 2**48
    return _File(path, hash_fraction, fit_image(pixels, size, fit).numpy())


def _report_unreadable(unreadable: Sequence[_File], num_files: int, corrupt: str) -> None:
    """Refuses unreadable files or warns about them, by name; if all are, always refuses."""
    if not unreadable:
        return
    lines = [f"  {file.path} ({file.error})" for file in unreadable[:MAX_NAMES_LISTED]]
    if len(unreadable) > MAX_NAMES_LISTED:
        lines.append(f"  and {len(unreadable) - MAX_NAMES_LISTED} more")
    names = "\n" + "\n".join(lines)
    if len(unreadable) == num_files:
        raise ValueError(
            f"Expected images that can be read, received {num_files} files that cannot; check that "
            f"they are what their suffixes say:{names}"
        )
    if corrupt == "refuse":
        raise MismatchError(
            "corrupt",
            f"{num_files} readable images",
            f"{len(unreadable)} that cannot be read",
            f"remove or repair them, or leave them out with $corrupt=skip:{names}",
        )
    warnings.warn(
        f"{len(unreadable)} of {num_files} images cannot be read and are left out:{names}",
        stacklevel=5,  # the caller of `load`
    )


def _divide(files: Sequence[_File]) -> dict[str, list[_File]]:
    """Assigns files to splits by the hash of their content, each split keeping their order.

    The bounds move down where a split would be empty: the largest hash is always a test image,
    the next a validation image.
    """
    hashes = sorted({file.hash_fraction for file in files})
    test_start = min(TEST_START, hashes[-1])
    below = [fraction for fraction in hashes if fraction < test_start]
    validation_start = min(VALIDATION_START, below[-1]) if below else 0.0
    splits = {"train": [], "validation": [], "test": []}
    for file in files:
        if file.hash_fraction >= test_start:
            splits["test"].append(file)
        elif file.hash_fraction >= validation_start:
            splits["validation"].append(file)
        else:
            splits["train"].append(file)
    if not all(splits.values()):
        raise ValueError(
            "Expected enough different images to make a training, a validation and a test split, "
            f"received {len(hashes)}; add images."
        )
    return splits


def _disk_split(paths: Sequence[Path], size: tuple[int, int], fit: str, channels: int) -> DiskSplit:
    """A split that decodes its files as they are needed."""
    names = [os.fspath(path) for path in paths]

    def read_pixels(name: bytes) -> np.ndarray:
        return decode_image(Path(os.fsdecode(name)).read_bytes(), channels)

    def decode(name: tf.Tensor) -> Example:
        pixels = tf.numpy_function(read_pixels, [name], tf.uint8)
        pixels = tf.ensure_shape(pixels, (None, None, channels))
        return {"image": tf.ensure_shape(fit_image(pixels, size, fit), (*size, channels))}

    return DiskSplit(
        num_examples=len(names),
        records=lambda: tf.data.Dataset.from_tensor_slices(names),
        decode=decode,
        record_bytes=max(map(len, names)),
    )
