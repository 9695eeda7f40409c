"""The pictures of `short_run` and `short_run_pixels`: rows of images."""

import numpy as np

from training.figures.plots import saved

__all__ = ["draw", "draw_rows"]


def draw(numbers, arrays, path):
    """Draws a row of samples a model; and what a mask shows of digits with answers below."""
    samples = {name: arrays[f"samples {name}"] for name in numbers}
    distance = "distance_of_samples"
    labels = {
        name: f"{name}\nrmse {row['rmse']:.3f}"
        + (f"\nFréchet {row[distance]:.0f}" if distance in row else "")
        for name, row in numbers.items()
    }
    draw_rows(path, "Samples", {labels[name]: images for name, images in samples.items()})
    answers = {f"answer {i + 1}": images for i, images in enumerate(arrays["answers"])}
    rows = {"image": arrays["images"], "shown": arrays["shown"], **answers}
    title = "Digits with a missing half, filled in by short run with two layers, 60 steps"
    draw_rows(path.with_name(f"{path.stem}_filled_in.png"), title, rows)


def draw_rows(path, title, rows):
    """Draws images `[N, H, W, 1]` in a row of one picture, for each label."""
    with saved(path, len(rows), 1, figsize=(9.5, 0.9 * len(rows) + 0.4), title=title) as (_, axes):
        for axis, (label, images) in zip(axes, rows.items(), strict=True):
            padded = np.pad(images[..., 0], ((0, 0), (1, 1), (1, 1)), constant_values=255)
            axis.imshow(np.concatenate(list(padded), axis=1), cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.set_ylabel(label, rotation=0, ha="right", va="center")
