"""Finds image files in a folder and decodes them.

What a picture file means is said here once. The graph of a served model reads PNG and JPEG files
with the same result (`zoo.serving.encoded_images`), or refuses them by name.
"""

import collections
import dataclasses
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

__all__ = ["DecodedImage", "decode_image", "find_image_files", "read_image"]

# Formats that Pillow knows by their first bytes alone, or decodes by another program.
_NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"})
_MOST_NAMED = 5
# A picture of 16 bits a value none of which reaches a quarter of the range holds 14 bits or fewer.
LEAST_OF_16_BITS = 1 << 14


# === Finding ===


def find_image_files(folder: Path) -> tuple[list[Path], list[str]]:
    """Finds all image files in a folder and its subfolders, by suffix.

    Links are followed; a folder that several of them lead to is read once.

    Returns:
        The files, sorted, and what was left out: texts for people, such as "2 files of other
        kinds (.heic: 2)".

    Raises:
        FileNotFoundError: If the folder is missing or has no image files.
        ValueError: If a folder cannot be read.
    """
    suffixes = _suffixes()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"Expected a folder of images, received {folder}, which is not a folder; check the "
            "path."
        )
    files, others, hidden, missing = [], [], [], []
    for path in _walk(folder):
        is_image = path.suffix.lower() in suffixes
        if path.name.startswith("."):
            hidden += [path] if is_image or path.is_dir() else []
        elif not is_image:
            others.append(path)
        else:
            (files if path.is_file() else missing).append(path)
    left_out = _describe(others, hidden, missing)
    if not files:
        found = " but ".join(["none", *[", ".join(left_out)] * bool(left_out)])
        raise FileNotFoundError(
            f"Expected images ({', '.join(sorted(suffixes))}) in {folder} or its subfolders, "
            f"received {found}; put images there or give another folder."
        )
    return sorted(files), left_out


def _suffixes() -> set[str]:
    """Those of every format that Pillow decodes, with those of plug-ins that were imported."""
    formats = Image.registered_extensions()
    return {s for s, f in formats.items() if f in Image.OPEN and f not in _NOT_DECODED}


def _walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, and hidden folders, into which it does not go."""

    def refuse(error: OSError):
        raise ValueError(
            f"Expected folders that can be read, received {error.filename} ({error.strerror}); "
            "change its permissions or move it away."
        ) from error

    visited = set()  # A link may lead back.
    for inner, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        real = os.path.realpath(inner)
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = sorted(set(folders) - set(hidden)) if real not in visited else []
        if real not in visited:
            yield from (Path(inner, name) for name in (*files, *hidden))
        visited.add(real)


def _describe(others: Sequence[Path], hidden: Sequence[Path], missing: Sequence[Path]) -> list[str]:
    """Says what is no image to us."""
    kinds = collections.Counter(path.suffix.lower() or "no suffix" for path in others)
    counts = [f"{suffix}: {number}" for suffix, number in kinds.most_common()]
    groups = (
        (len(others), "of other kinds", counts),
        (len(hidden), "hidden", [path.name for path in hidden]),
        (len(missing), "linked to nothing", [path.name for path in missing]),
    )
    return [
        f"{number} {text} ({', '.join(names[:_MOST_NAMED])}{', ...' * (len(names) > _MOST_NAMED)})"
        for number, text, names in groups
        if number
    ]


# === Decoding ===


@dataclasses.dataclass(frozen=True)
class DecodedImage:
    """An image file's content.

    Attributes:
        pixels: uint8 `[height, width, channels]`.
        is_16_bit: Whether the file has more than 8 bits a value, of which the upper 8 were kept.
        has_more_frames: Whether it is an animation or has several pages, of which this is the
            first.
    """

    pixels: np.ndarray
    is_16_bit: bool
    has_more_frames: bool

    @property
    def channels(self) -> int:
        """1 for greyscale, 3 for colour."""
        return self.pixels.shape[-1]


def decode_image(data: bytes, channels: int | None = None) -> np.ndarray:
    """The pixels alone of `read_image`: uint8 `[height, width, channels]`."""
    return read_image(data, channels).pixels


def read_image(
    data: bytes, channels: int | None = None, least_size: Sequence[int] | None = None
) -> DecodedImage:
    """Decodes one image file.

    The camera's orientation is applied, transparency becomes white, and of 16 bits a value the
    upper 8 are kept.

    Args:
        data: The content of the file.
        channels: 1 for greyscale or 3 for colour; by default what the image has: a palette has
            colours.
        least_size: A JPEG picture may come reduced to a half, a quarter or an eighth, which takes
            a fraction of the time, but to no less than this (height, width); None: not at all.

    Raises:
        Exception: Whatever Pillow raises for a file it cannot read (there is no common class).
    """
    with Image.open(io.BytesIO(data)) as opened:
        is_16_bit = opened.mode.startswith("I") or ";16" in str(opened.tile)
        # A photograph with several views of one scene (MPO) is no animation.
        has_more_frames = opened.format != "MPO" and getattr(opened, "is_animated", False)
        if least_size is not None and opened.format == "JPEG":
            opened.draft(opened.mode, 2 * [max(least_size)])  # It may be turned afterwards.
        image = ImageOps.exif_transpose(opened)
    if is_16_bit and isinstance(image.info.get("transparency"), int | tuple):
        raise ValueError("expected no transparent colour in an image of 16 bits a value")
    if image.mode.startswith(("I", "F")):
        image = _to_8_bits(image)
    is_grey = image.mode in ("1", "L", "LA", "La")
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = {1: "L", 3: "RGB", None: "L" if is_grey else "RGB"}[channels]
    pixels = np.array(image.convert(mode))
    return DecodedImage(pixels.reshape(*pixels.shape[:2], -1), is_16_bit, has_more_frames)


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Reduces a grey image of 16-bit values to 8 bits; `Image.convert` would clip at 255.

    Raises:
        ValueError: If the values are not 16-bit integers: their range is then unknown.
    """
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"expected 8 or 16 bits a pixel, received Pillow mode {image.mode}")
    return Image.fromarray((values >> 8).astype(np.uint8))
