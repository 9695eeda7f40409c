"""The pictures of `topology`: points of samples, samples, and paths between two images."""

import numpy as np

from training.figures.plots import saved

__all__ = ["draw"]

_FAR = 0.1  # From the set.
_ON, _OFF, _LINE = "0.55", "tab:orange", "tab:blue"


def draw(numbers, arrays, path):
    """Draws points of the samples of each model, images of them, and a path of each that encodes.

    Args:
        numbers: Tables by set, each a dict by row: the data, then models.
        arrays: By "SET ROW KIND": `images` and of models `points`, `distances`, and of those that
            encode `path`, images, and `line`, points of the same.
        path: The PNG file of the points; the others' names go on with `_samples` and `_paths`.
    """
    columns = list(dict.fromkeys(row for table in numbers.values() for row in table))
    models = columns[1:]
    _draw_points(numbers, models, arrays, path)
    title = "Images of the sets, and samples"
    _draw_images(numbers, columns, "images", arrays, title, path, "samples", num_rows=2)
    encoders = [model for model in models if any(f"{s} {model} path" in arrays for s in numbers)]
    title = "From one image to another: of 100 pairs that between which the VAE's detour is longest"
    _draw_images(numbers, encoders, "path", arrays, title, path, "paths", num_rows=1)


def _draw_points(numbers, models, arrays, path):
    title = (
        "Samples in two of M's coordinates: grey on M, orange farther than 0.1 from it.\n"
        "Blue: the path between two images at which the VAE's detour is longest"
    )
    size = (2.6 * len(models), 2.7 * len(numbers) + 0.5)
    kinds = {"figsize": size, "squeeze": False, "sharex": True, "sharey": True}
    with saved(path, len(numbers), len(models), title=title, **kinds) as (_, axes):
        for row, (name, table) in zip(axes, numbers.items(), strict=True):
            row[0].set_ylabel(name)
            for axis, model in zip(row, models, strict=True):
                axis.set(aspect="equal", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))
                axis.set_visible(model in table)
                if model in table:
                    _draw_model(axis, arrays, f"{name} {model}")
                    found = table[model]
                    off, covered = found["off_manifold_share"], found["coverage"]
                    axis.set_title(f"{model}\n{off:.0%} off M, {covered:.0%} covered", fontsize=8)


def _draw_model(axis, arrays, key):
    points, is_off = arrays[f"{key} points"][:, :2], arrays[f"{key} distances"] > _FAR
    for chosen, colour in ((~is_off, _ON), (is_off, _OFF)):
        axis.scatter(*points[chosen].T, s=5, color=colour)
    if f"{key} line" in arrays:
        axis.plot(*arrays[f"{key} line"][:, :2].T, ".-", color=_LINE, linewidth=0.8, markersize=3)


def _draw_images(numbers, columns, kind, arrays, title, path, suffix, num_rows):
    """Draws a mosaic of images for each set, from above, and each of the columns."""
    size = (2.6 * len(columns) + 0.6, (0.2 + 0.55 * num_rows) * len(numbers) + 0.8)
    file = path.with_name(f"{path.stem}_{suffix}.png")
    with saved(file, len(numbers), len(columns), figsize=size, squeeze=False, title=title) as (
        _,
        axes,
    ):
        for axis, column in zip(axes[0], columns, strict=True):
            axis.set_title(column)
        for row, name in zip(axes, numbers, strict=True):
            for axis, column in zip(row, columns, strict=True):
                axis.set(xticks=[], yticks=[], frame_on=False)
                axis.grid(False)
                if (images := arrays.get(f"{name} {column} {kind}")) is not None:
                    axis.imshow(_mosaic(images, num_rows), cmap="gray", vmin=0, vmax=255)
            row[0].set_ylabel(name, rotation=0, ha="right", va="center")


def _mosaic(images, num_rows):
    """Joins grey images `[N, H, W, 1]`, uint8, to rows with white gaps."""
    padded = np.pad(images[..., 0], ((0, 0), (1, 1), (1, 1)), constant_values=255)
    _, height, width = padded.shape
    rows = padded.reshape(num_rows, -1, height, width).transpose(0, 2, 1, 3)
    return rows.reshape(num_rows * height, -1)
