"""Every picture: grids of images and a run's trajectory in the information plane."""

import math
import pathlib

import numpy as np
from PIL import Image

__all__ = [
    "NUM_COLUMNS",
    "NUM_SAMPLE_ROWS",
    "as_pixels",
    "save_grid",
    "save_reconstructions",
    "save_trajectory",
]

NUM_COLUMNS = 12
NUM_SAMPLE_ROWS = 6
_WIDTH = 1000  # Pixels that a grid of images is enlarged to, at most.
_GAP = 2  # Pixels between images, before enlargement: 1 on each side.
_BACKGROUND = 255
_COLOURS = "viridis"


# === Grids of images ===


def save_grid(path, images, num_columns=NUM_COLUMNS):
    """Saves images in rows, enlarged by a whole number, each pixel a sharp square.

    Args:
        path: A PNG file; its folder is made.
        images: `[N, H, W, C]`, float in [0, 1] or uint8. One channel is shown as grey, three as
            colours; of another number the first one.
        num_columns: Images a row, at most.
    """
    _save_rows(path, _in_rows(as_pixels(images), num_columns))


def save_reconstructions(path, images, reconstructions, num_columns=NUM_COLUMNS):
    """Saves pairs of rows: data above, reconstructions below; a wider gap parts the pairs.

    Args:
        path: A PNG file; its folder is made.
        images: `[N, H, W, C]`, float in [0, 1] or uint8.
        reconstructions: `[N, H, W, C]`, likewise.
        num_columns: Images a row, at most.
    """
    data = _in_rows(as_pixels(images), num_columns)
    below = _in_rows(as_pixels(reconstructions), num_columns)
    between = np.full((_GAP, *data[0].shape[1:]), _BACKGROUND, np.uint8)
    rows = []
    for pair in zip(data, below, strict=True):
        rows += [*pair, between]
    _save_rows(path, rows[:-1])


def as_pixels(images):
    """Gives uint8 colour images `[N, H, W, 3]` of images `[N, H, W, C]` in [0, 1] or uint8."""
    images = np.asarray(images)
    if images.dtype != np.uint8:
        images = np.round(255.0 * np.clip(images, 0.0, 1.0)).astype(np.uint8)
    if images.shape[-1] != 3:
        images = np.repeat(images[..., :1], 3, axis=-1)
    return images


def _in_rows(images, num_columns):
    """Joins images `[N, H, W, 3]` to rows, a list of `[H + gap, columns * (W + gap), 3]`."""
    num_columns = min(num_columns, len(images))
    edge = _GAP // 2
    padding = ((0, 0), (edge, edge), (edge, edge), (0, 0))
    images = np.pad(images, padding, constant_values=_BACKGROUND)
    missing = -len(images) % num_columns
    images = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=_BACKGROUND)
    return [
        np.concatenate(list(images[i : i + num_columns]), axis=1)
        for i in range(0, len(images), num_columns)
    ]


def _save_rows(path, rows):
    picture = Image.fromarray(np.concatenate(rows, axis=0))
    zoom = max(1, _WIDTH // picture.width)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((zoom * picture.width, zoom * picture.height), Image.NEAREST).save(path)


# === The trajectory of a run ===


def save_trajectory(path, rows, image_shape, tolerances):
    """Saves a run's way through the information plane, as Fig. 3 of Taming VAEs.

    Left: rate against distortion a pixel. Then, against the step: the multiplier (if the run had
    a reconstruction error to bound), and the root mean squared error with its tolerance. Colour is
    the step in all of them; all is measured on the validation split.

    Args:
        path: A PNG file; its folder is made.
        rows: The run's history, one dict an epoch.
        image_shape: (height, width, channels).
        tolerances: Tolerance by the constraint's class name.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    steps = np.array([row["step"] for row in rows])
    dimensions = math.prod(image_shape)
    tolerance = tolerances.get("ReconstructionError")
    multipliers = _column(rows, "val_reconstruction_error_multiplier")
    num_panels = 2 + (multipliers is not None)
    with pyplot.rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.3}):
        figure, axes = pyplot.subplots(
            1, num_panels, figsize=(4.4 * num_panels, 3.4), layout="constrained"
        )
        points = _draw(
            axes[0], _column(rows, "val_rate"), _column(rows, "val_distortion") / dimensions, steps
        )
        axes[0].set(xlabel="rate (nats an image)", ylabel="distortion (nats a pixel)")
        axes[0].set_title("information plane")
        if multipliers is not None:
            _draw_multiplier(axes[1], steps, multipliers, dimensions, tolerance)
        _draw_error(axes[-1], steps, _column(rows, "val_rmse"), tolerance)
        figure.get_layout_engine().set(wspace=0.06)
        figure.colorbar(points, ax=axes[-1], label="step")
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
        pyplot.close(figure)


def _column(rows, name):
    """Gives a column of the history as an array, or None if the run had no such measure."""
    return np.array([row[name] for row in rows]) if name in rows[0] else None


def _draw(axes, x, y, steps):
    axes.margins(0.08)
    axes.plot(x, y, color="0.75", linewidth=1, zorder=1)
    return axes.scatter(x, y, c=steps, cmap=_COLOURS, s=14, zorder=2)


def _draw_multiplier(axes, steps, multipliers, dimensions, tolerance):
    """Draws λ, with the equivalent β = D / (2 λ κ²) on the right."""
    axes.set_yscale("log")
    _draw(axes, steps, multipliers, steps)
    axes.set(xlabel="step", ylabel="multiplier λ (nats a squared pixel unit)")
    axes.set_title("reconstruction error's multiplier")
    factor = dimensions / (2.0 * tolerance**2)

    def convert(value):  # Its own inverse.
        return _reciprocal(value, factor)

    right = axes.secondary_yaxis("right", functions=(convert, convert))
    right.set_ylabel("equivalent β, at scale κ")


def _reciprocal(value, factor):
    """Gives factor / value, finite and above 0 even at 0 and infinity, where matplotlib tries it.

    λ lies within e^±30, so the bounds are beyond every λ and β that can be drawn.
    """
    return factor / np.clip(np.asarray(value, np.float64), 1e-30, 1e30)


def _draw_error(axes, steps, errors, tolerance):
    _draw(axes, steps, errors, steps)
    if tolerance is not None:
        axes.axhline(tolerance, color="tab:red", linestyle="--", linewidth=1, label="tolerance κ")
        axes.legend(loc="best")
    axes.set(xlabel="step", ylabel="root mean squared error (pixel units)")
    axes.set_title("reconstruction error")
