"""The trajectory of a run in the information plane."""

import math

import numpy as np

from training.figures.grids import with_folder

__all__ = ["save_trajectory"]

_COLOURS = "viridis"


def save_trajectory(path, rows, image_shape, tolerances):
    """Saves a run's way through the information plane, as Fig. 3 of Taming VAEs.

    Left: rate against distortion a pixel. Then, against the step: the multiplier (if the run had
    a reconstruction error to bound), and the root mean squared error with its tolerance (of a model
    without one the rate). Colour is the step in all; all is measured on the validation split.

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
        errors = _column(rows, "val_rmse")
        if errors is None:
            _draw_rate(axes[-1], steps, _column(rows, "val_rate"))
        else:
            _draw_error(axes[-1], steps, errors, tolerance)
        figure.get_layout_engine().set(wspace=0.06)
        figure.colorbar(points, ax=axes[-1], label="step")
        figure.savefig(with_folder(path), dpi=150)
        pyplot.close(figure)


def _column(rows, name):
    """Returns a column of the history as an array, or None if the run had no such measure."""
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
    """Returns factor / value, finite and above 0 even at 0 and infinity, where matplotlib tries it.

    λ lies within e^±30, so the bounds are beyond every λ and β that can be drawn.
    """
    return factor / np.clip(np.asarray(value, np.float64), 1e-30, 1e30)


def _draw_rate(axes, steps, rates):
    _draw(axes, steps, rates, steps)
    axes.set(xlabel="step", ylabel="rate (nats an image)")
    axes.set_title("rate")


def _draw_error(axes, steps, errors, tolerance):
    _draw(axes, steps, errors, steps)
    if tolerance is not None:
        axes.axhline(tolerance, color="tab:red", linestyle="--", linewidth=1, label="tolerance κ")
        axes.legend(loc="best")
    axes.set(xlabel="step", ylabel="root mean squared error (pixel units)")
    axes.set_title("reconstruction error")
