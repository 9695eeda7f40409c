"""Finds image files in a folder and decodes them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# Formats that are always photographs or drawings; Pillow opens all of them.
SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


def find_image_files(folder: Path) -> list[Path]:
    """All image files in a folder and its subfolders, by suffix, sorted; hidden ones left out.

    Raises:
        FileNotFoundError: If the folder is missing or has no image files.
    """
    wanted = f"one of {', '.join(sorted(SUFFIXES))}"
    if not folder.is_dir():
        raise FileNotFoundError(
            f"Expected a folder of images ({wanted}), received {folder}, which is not a folder; "
            "check the path."
        )
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    if not files:
        raise FileNotFoundError(
            f"Expected images ({wanted}) in {folder} or its subfolders, received none; put images "
            "there or give another folder."
        )
    return files


def decode_image(data: bytes, channels: int | None = None) -> np.ndarray:
    """Decodes one image file; an animation gives its first frame.

    The camera's orientation is applied, transparency becomes white, and 16-bit grey values are
    reduced to 8 bits.

    Args:
        data: The content of the file.
        channels: 1 for greyscale or 3 for colour; by default what the image has.

    Returns:
        uint8 `[height, width, channels]`.

    Raises:
        Exception: Whatever Pillow raises for a file it cannot read (there is no common class).
    """
    with Image.open(io.BytesIO(data)) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.mode.startswith(("I", "F")):
        image = _to_8_bits(image)
    is_grey = image.mode in ("1", "L", "LA", "La")
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = {1: "L", 3: "RGB", None: "L" if is_grey else "RGB"}[channels]
    pixels = np.array(image.convert(mode))
    return pixels.reshape(*pixels.shape[:2], -1)


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Reduces a grey image of 16-bit values to 8 bits; `Image.convert` would clip at 255.

    Raises:
        ValueError: If the values are not 16-bit integers: their range is then unknown.
    """
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"expected 8 or 16 bits a pixel, received Pillow mode {image.mode}")
    return Image.fromarray((values >> 8).astype(np.uint8))
