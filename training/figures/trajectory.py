"""The trajectory of a run in the information plane."""

import math

import numpy as np

from training.figures.plots import saved

__all__ = ["save_trajectory"]

_COLOURS = "viridis"


def save_trajectory(path, rows, image_shape, tolerances, title=""):
    """Saves a run's way through the information plane, as Fig. 3 of Taming VAEs.

    Left: rate against distortion a pixel. Then, against the step: the multiplier (if the run had
    a reconstruction error to bound), and the root mean squared error with its tolerance (of a model
    without one the rate). Colour is the step in all; all is measured on the validation split.

    Args:
        path: A PNG file; its folder is made.
        rows: The run's history, one dict an epoch.
        image_shape: (height, width, channels).
        tolerances: Tolerance by the constraint's class name.
        title: Of the picture; "" for one that says what is shown.
    """
    steps = np.array([row["step"] for row in rows])
    dimensions = math.prod(image_shape)
    tolerance = tolerances.get("ReconstructionError")
    multipliers = _column(rows, "val_reconstruction_error_multiplier")
    rates, errors = _column(rows, "val_rate"), _column(rows, "val_rmse")
    num_panels = 2 + (multipliers is not None)
    title = title or "A training run on its validation split"
    with saved(path, 1, num_panels, figsize=(4.3 * num_panels + 0.4, 3.7), title=title) as (
        figure,
        axes,
    ):
        _draw_plane(axes[0], rates, _column(rows, "val_distortion") / dimensions, steps)
        if multipliers is not None:
            _draw_multiplier(axes[1], steps, multipliers, dimensions, tolerance)
        if errors is None:
            points = _draw_rate(axes[-1], steps, rates)
        else:
            points = _draw_error(axes[-1], steps, errors, tolerance)
        for axis in axes:
            axis.set_box_aspect(0.8)  # Panels of one size, whatever stands beside them.
        figure.colorbar(points, ax=list(axes), label="training step", shrink=0.8, pad=0.02)


def _column(rows, name):
    """Returns a column of the history as an array, or None if the run had no such measure."""
    return np.array([row[name] for row in rows]) if name in rows[0] else None


def _draw(axes, x, y, steps):
    axes.margins(0.08)
    axes.plot(x, y, color="0.75", linewidth=1, zorder=1)
    scale = {"cmap": _COLOURS, "vmin": 0, "vmax": steps[-1]}
    return axes.scatter(x, y, c=steps, s=14, zorder=2, **scale)


def _draw_over_steps(axes, steps, values):
    axes.set(xlabel="training step", xlim=(0, 1.04 * steps[-1]))
    return _draw(axes, steps, values, steps)


def _draw_plane(axes, rates, distortions, steps):
    _draw(axes, rates, distortions, steps)
    ends = ((0, (8, 2), "left"), (-1, (0, -14), "center"))
    for index, place, side in ends[-len(steps) :]:
        axes.annotate(
            f"step {steps[index]:,.0f}",
            (rates[index], distortions[index]),
            xytext=place,
            textcoords="offset points",
            fontsize=8,
            ha=side,
        )
    axes.margins(0.14)
    axes.set(xlabel="rate (nats an image)", ylabel="distortion (nats a pixel)")
    axes.set_title("information plane")


def _draw_multiplier(axes, steps, multipliers, dimensions, tolerance):
    """Draws λ, with the equivalent β = D / (2 λ κ²) on the right."""
    axes.set_yscale("log")
    _draw_over_steps(axes, steps, multipliers)
    axes.set_ylabel("multiplier λ (nats a squared pixel unit)")
    axes.set_title("multiplier of the reconstruction error")
    factor = dimensions / (2.0 * tolerance**2)

    def convert(value):  # Its own inverse.
        return _reciprocal(value, factor)

    right = axes.secondary_yaxis("right", functions=(convert, convert))
    right.set_ylabel("equivalent β, at scale κ")
    for axis in (axes.yaxis, right.yaxis):
        _label_plainly(axis)


def _label_plainly(axis):
    """Ticks of a logarithmic axis at 1, 2 and 5 of each decade, as plain numbers."""
    from matplotlib import ticker

    axis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def _reciprocal(value, factor):
    """Returns factor / value, finite and above 0 even at 0 and infinity, where matplotlib tries it.

    λ lies within e^±30, so the bounds are beyond every λ and β that can be drawn.
    """
    return factor / np.clip(np.asarray(value, np.float64), 1e-30, 1e30)


def _draw_rate(axes, steps, rates):
    axes.set(ylabel="rate (nats an image)", title="rate")
    return _draw_over_steps(axes, steps, rates)


def _draw_error(axes, steps, errors, tolerance):
    points = _draw_over_steps(axes, steps, errors)
    title = "error"
    if tolerance is not None:
        axes.axhline(tolerance, color="tab:red", linestyle="--", linewidth=1)
        title += f"; dashed: tolerance κ = {tolerance:g}"
    axes.set(ylabel="root mean squared error (pixel units)", title=title)
    return points
