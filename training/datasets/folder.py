"""A user's own images: every image file in a folder and its subfolders."""

import concurrent.futures
import dataclasses
import hashlib
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from training.datasets import memory
from training.datasets.image_dataset import ImageDataset
from training.datasets.image_files import LEAST_OF_16_BITS, find_image_files, read_image
from training.datasets.registry import register
from training.datasets.resizing import PATCHES_ACROSS, cut_patches, fit_image, least_size
from training.datasets.splits import DiskSplit, Example, MemorySplit
from zoo.errors import MismatchError

# Bounds of the splits, as fractions of all hashes: of a few hundred images enough are held out to
# judge by, and still an image keeps its split when others are added.
VALIDATION_START, TEST_START = 0.80, 0.90
MAX_NAMES_LISTED = 10
# Of fewer in the test split, patches of one photograph being alike, the caveat says so.
ENOUGH_TO_JUDGE = 100


@dataclasses.dataclass(frozen=True)
class _File:
    """What reading one file gave.

    Attributes:
        path: The file.
        error: Why it cannot be read, or None.
        sha256: Of its content.
        channels: 1 or 3.
        largest: Of its pixels, before it was brought to the wanted size.
        is_16_bit, has_more_frames: As in `DecodedImage`.
        num_images: How many it gives: with "patches" several.
        pixels: Those in the wanted size, `[num_images, height, width, channels]`; None where they
            are read again when they are needed.
    """

    path: Path
    error: str | None = None
    sha256: bytes = b""
    channels: int = 0
    largest: int = 0
    is_16_bit: bool = False
    has_more_frames: bool = False
    num_images: int = 1
    pixels: np.ndarray | None = None

    @property
    def hash_fraction(self) -> float:
        """A place in [0, 1) from its content: 48 bits, which a float holds exactly."""
        return int.from_bytes(self.sha256[:6]) / 2**48


@register("folder", rest="PATH")
def load_folder(folder, image_size, fit, channels, corrupt) -> ImageDataset:
    """Loads the images of the folder with that path, without labels; arguments as in `load`.

    Every file is read once here, so that unreadable ones are known before training begins, and
    whether there is colour. One warning says what is left out. The hash of its content decides the
    split of an image (80% training, 10% validation, 10% test): copies of an image share a split,
    and an image keeps its split when others are added, except in folders so small that a split
    would otherwise be empty.

    Raises:
        FileNotFoundError: If the folder is missing or has no image files.
        ValueError: If files cannot be read and `corrupt` is "refuse", images have other sizes
            than wanted, all 16-bit images are nearly black, or there are too few images to make
            three splits.
    """
    if fit == "patches" and image_size is None:
        remedy = "give $image_size, for instance $image_size=32"
        raise MismatchError("image_size", "$image_size for $fit=patches", "none", remedy)
    paths, left_out = find_image_files(Path(folder).expanduser())
    size, fit = (image_size, fit) if image_size else (_size_of_first(paths), "exact")
    num_images = len(paths) * (2 * PATCHES_ACROSS**2 if fit == "patches" else 1)  # About.
    is_in_memory = memory.is_held(num_images, (*size, channels or 3))

    def read(path: Path) -> _File:
        file = _read_file(path, size, fit, channels)
        return file if is_in_memory else dataclasses.replace(file, pixels=None)

    # Pillow releases Python's lock while it decodes, so threads are enough.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        files = list(pool.map(read, paths))
    left_out += _unreadable([file for file in files if file.error], len(files), corrupt)
    files = [file for file in files if not file.error]
    left_out += _later_frames([file for file in files if file.has_more_frames])
    _refuse_nearly_black([file for file in files if file.is_16_bit])
    if left_out:
        text = f"Left out of {folder}: {'; '.join(left_out)}"
        warnings.warn(text, stacklevel=4)  # the caller of `load`
    num_grey = sum(file.channels == 1 for file in files)
    if channels is None:  # Grey is a colour, too.
        channels = 1 if num_grey == len(files) else 3
    greys = f", {num_grey} of them grey" if num_grey and channels == 3 else ""

    def split_of(members: Sequence[_File]) -> DiskSplit | MemorySplit:
        if is_in_memory:
            shape = (*size, channels)
            pixels = [np.broadcast_to(f.pixels, (f.num_images, *shape)) for f in members]
            return MemorySplit({"image": np.concatenate(pixels)})
        return _disk_split(members, size, fit, channels)

    splits = _divide(files)
    patches = f"{sum(f.num_images for f in files)} patches of " if fit == "patches" else ""
    return ImageDataset(
        name=f"folder:{folder}",
        image_shape=(*size, channels),
        num_classes=None,
        description=f"{patches}{len(files)} images of the folder {Path(folder).name}{greys}.",
        splits={name: split_of(members) for name, members in splits.items()},
        licence="the images' owners decide what may be done with them and what is trained on them",
        version=_version(splits),
        caveat=_caveat(len(splits["test"]), fit),
    )


def _caveat(num_test: int, fit: str) -> str:
    """Says that few images were held out, if so."""
    if num_test >= ENOUGH_TO_JUDGE:
        return ""
    what = "photograph" if fit == "patches" else "image"
    held_out = f"Only {num_test} {what}{'s are' if num_test > 1 else ' is'} held out for the test"
    return f"{held_out}: with others an error may come out several percent higher or lower."


def _version(splits: Mapping[str, Sequence[_File]]) -> str:
    """The sha256, in hexadecimal, of the images' own, split by split in their order."""
    digest = hashlib.sha256()
    for name, members in splits.items():
        digest.update(name.encode())
        digest.update(b"".join(file.sha256 for file in members))
    return digest.hexdigest()


def _size_of_first(paths: Sequence[Path]) -> tuple[int, int]:
    """(height, width) of the first image that can be read."""
    for path in paths:
        try:
            return read_image(path.read_bytes()).pixels.shape[:2]
        except Exception:  # reported with all the others, once every file is read
            continue
    raise ValueError(
        f"Expected images that can be read, received {len(paths)} files that cannot, the first "
        f"being {paths[0]}; check that they are what their suffixes say."
    )


def _read_file(path: Path, size: tuple[int, int], fit: str, channels: int | None) -> _File:
    """Reads one file and brings its image to the wanted size.

    Raises:
        ValueError: If `fit` is "exact" and the image has another size.
    """
    try:
        data = path.read_bytes()
        image = read_image(data, channels, least_size(size, fit))
    except Image.DecompressionBombError:
        most = 2 * Image.MAX_IMAGE_PIXELS // 10**6
        return _File(path, f"more than {most} megapixels: save a smaller copy")
    except Exception as error:  # Pillow's decoders raise many unrelated types
        # Pillow names the file it was given, which is one in memory.
        reason = re.sub(r" ?<_io\.BytesIO object at 0x[0-9a-fA-F]+>", "", str(error))
        return _File(path, f"{type(error).__name__}: {reason}")
    height, width = image.pixels.shape[:2]
    if fit == "exact" and (height, width) != size:
        raise MismatchError(
            "image_size",
            f"all images to have {size[0]}x{size[1]} pixels (height x width)",
            f"{path} with {height}x{width}",
            "give $image_size, for instance $image_size=64, with $fit=crop or $fit=resize",
        )
    pixels = _images_of(image.pixels, size, fit)
    return _File(
        path,
        sha256=hashlib.sha256(data).digest(),
        channels=image.channels,
        largest=int(image.pixels.max()),
        is_16_bit=image.is_16_bit,
        has_more_frames=image.has_more_frames,
        num_images=len(pixels),
        pixels=pixels,
    )


def _images_of(pixels: np.ndarray, size: tuple[int, int], fit: str) -> np.ndarray:
    """The images that a picture gives: uint8 `[num_images, *size, C]`."""
    if fit == "patches":
        return np.concatenate(cut_patches(pixels, size))
    return fit_image(pixels, size, fit).numpy()[None]


def _unreadable(unreadable: Sequence[_File], num_files: int, corrupt: str) -> list[str]:
    """Says which files are unreadable, or refuses them; if all are, always refuses."""
    if not unreadable:
        return []
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
    return [f"{len(unreadable)} of {num_files} images, which cannot be read:{names}"]


def _later_frames(animated: Sequence[_File]) -> list[str]:
    if not animated:
        return []
    return [
        f"all frames or pages but the first of {len(animated)} images, as of {animated[0].path}"
    ]


def _refuse_nearly_black(files: Sequence[_File]) -> None:
    """Raises ValueError if 16-bit images use the lower part of their range only."""
    if files and max(file.largest for file in files) < LEAST_OF_16_BITS >> 8:
        raise ValueError(
            f"Expected images of 16 bits a value with values up to 65535, received {len(files)}, "
            f"such as {files[0].path}, with none above {LEAST_OF_16_BITS}, as cameras of 12 or 14 "
            "bits make them: they would be nearly black. Multiply their values (12 bits by 16, 14 "
            "bits by 4) and save them again; with 8 bits if they are meant to be that dark."
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


def _disk_split(
    files: Sequence[_File], size: tuple[int, int], fit: str, channels: int
) -> DiskSplit:
    """A split that decodes its files as they are needed."""
    # Bytes, for a name need not be UTF-8.
    names = [os.fsencode(file.path) for file in files for _ in range(file.num_images)]
    indices = [index for file in files for index in range(file.num_images)]

    def read_image_of(name: bytes, index: int) -> np.ndarray:
        data = Path(os.fsdecode(name)).read_bytes()
        pixels = read_image(data, channels, least_size(size, fit)).pixels
        return _images_of(pixels, size, fit)[index]

    def decode(name: tf.Tensor, index: tf.Tensor) -> Example:
        image = tf.numpy_function(read_image_of, [name, index], tf.uint8)
        return {"image": tf.ensure_shape(image, (*size, channels))}

    return DiskSplit(
        num_examples=len(names),
        records=lambda: tf.data.Dataset.from_tensor_slices((names, indices)),
        decode=decode,
        record_bytes=max(map(len, names)) + 8,
    )
