"""A target's numbers and arrays in files, and the pictures that are drawn from these alone.

FOLDER/TARGET.json    numbers, and which runs they come from
FOLDER/TARGET.npz     arrays that pictures show beside them, if there are any
FOLDER/TARGET.png     the picture, with the hash of the two; others are TARGET_*.png
"""

import json

import numpy as np

from training.figures.stamps import stamp
from training.runs.run_directory import write_json

__all__ = ["draw_again", "pictures", "read", "sources", "write"]


def write(folder, target, values, arrays):
    """Writes what a target measured, and draws it.

    Args:
        folder: Where; it is made.
        target: The `Target`.
        values: The JSON: a dict with `numbers`.
        arrays: Arrays by name; may be none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{target.name}.json", values)
    if arrays:
        np.savez_compressed(folder / f"{target.name}.npz", **arrays)
    draw_again(folder, target)


def read(folder, target):
    """Returns the JSON of a target and its arrays, or None if it was not measured."""
    file = folder / f"{target.name}.json"
    if not file.exists():
        return None
    values, arrays = json.loads(file.read_text(encoding="utf-8")), {}
    if (file := file.with_suffix(".npz")).exists():
        with np.load(file) as archive:
            arrays = dict(archive)
    return values, arrays


def sources(folder, target):
    """Returns the paths of the files that the pictures are drawn from."""
    paths = (folder / f"{target.name}.{suffix}" for suffix in ("json", "npz"))
    return [path for path in paths if path.exists()]


def pictures(folder, target):
    """Returns the paths of a target's pictures, sorted."""
    # Not TARGET*: the names of targets may begin with one another's.
    return sorted(path for end in ("", "_*") for path in folder.glob(f"{target.name}{end}.png"))


def draw_again(folder, target):
    """Draws a target's pictures from its files."""
    values, arrays = read(folder, target)
    target.draw(values["numbers"], arrays, folder / f"{target.name}.png")
    for picture in pictures(folder, target):
        stamp(picture, sources(folder, target))
