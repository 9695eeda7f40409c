"""The two pictures of `any_tolerance`: curves, and images at ten tolerances."""

import numpy as np

from training.figures.plots import PALETTE, saved

__all__ = ["draw"]

_TITLE = "One ConvDRAW on MNIST for every tolerance, test split"
_BITS_A_NAT = 1 / np.log(2)


def draw(numbers, arrays, path):
    """Draws curves of rates, multipliers and bytes; and images with the bytes that each takes."""
    with saved(path, 1, 3, figsize=(14, 4.2), title=_TITLE) as (_, (rates, multipliers, files)):
        _draw_rates(rates, numbers["models"])
        _draw_multipliers(multipliers, numbers["multipliers"])
        _draw_files(files, numbers)
    tolerances = [row["tolerance"] for row in numbers["bytes_an_image"]]
    _draw_images(path.with_name(f"{path.stem}_images.png"), tolerances, **arrays)


def _column(rows, name):
    return [row.get(name) for row in rows]


def _draw_rates(axis, points):
    axis.plot(_column(points, "rmse"), _column(points, "rate"), "o-", label="one model")
    single = [point for point in points if "single_rate" in point]
    style = {"marker": "D", "linestyle": "", "fillstyle": "none", "color": "tab:red"}
    rmse, rate = _column(single, "single_rmse"), _column(single, "single_rate")
    axis.plot(rmse, rate, label="a model for each", **style)
    axis.set(yscale="log", xlabel="rmse (pixel units), z drawn", ylabel="rate (nats an image)")
    axis.set_title("error and rate")
    axis.legend()


def _draw_multipliers(axis, rows):
    tolerances = _column(rows, "tolerance")
    axis.plot(tolerances, _column(rows, "multiplier"), "o-", label="λ, learned")
    axis.plot(tolerances, _column(rows, "of_the_elbo"), "--", color="0.4", label="D/(2κ²)")
    axis.set(xscale="log", yscale="log", xlabel="κ", ylabel="λ (nats a squared pixel unit)")
    _plain_ticks(axis)
    axis.set_title("the multiplier, a function of κ")
    axis.legend()


def _draw_files(axis, numbers):
    rows, points = numbers["bytes_an_image"], numbers["models"]
    tolerances = _column(rows, "tolerance")
    rates = [point["rate"] * _BITS_A_NAT / 8 for point in points]
    axis.plot(_column(points, "tolerance"), rates, ":", color="black", label="the model's rate")
    axis.plot(tolerances, _column(rows, "codec"), "o-", color="black", label="its codec")
    kinds = [n for n in rows[0] if f"{n}, sheet" in rows[0]]
    for kind, color in zip(kinds, PALETTE, strict=False):
        for name, line in ((kind, "-"), (f"{kind}, sheet", "--")):
            values = [np.nan if v is None else v for v in _column(rows, name)]
            axis.plot(tolerances, values, line, color=color, label=name)
    axis.set(xscale="log", yscale="log", xlabel="κ, the largest error", ylabel="bytes an image")
    _plain_ticks(axis)
    axis.set_title("files within κ")
    axis.legend(
        title="sheet: a hundredth of\n100 images in one file",
        fontsize=7.5,
        title_fontsize=7.5,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
    )


def _plain_ticks(axis):
    ticks = (0.06, 0.08, 0.1, 0.125, 0.175)
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)


def _draw_images(path, tolerances, images, sizes):
    """A row an image: itself, and what is decoded at each tolerance, the bytes below."""
    num_rows, num_columns, height, width = images.shape[:4]
    size = (1.05 * num_columns + 0.3, 1.3 * num_rows + 0.6)
    title = "Test images, and what the codec makes of them within each tolerance"
    with saved(path, num_rows, num_columns, figsize=size, title=title) as (_, axes):
        for row, column in np.ndindex(num_rows, num_columns):
            axis = axes[row, column]
            axis.imshow(images[row, column], cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            if not row:
                axis.set_title(f"κ = {tolerances[column - 1]:.3g}" if column else "image")
            axis.set_xlabel(_size(sizes[row, column - 1]) if column else f"{height * width} pixels")


def _size(num_bytes):
    """The bytes of a code, with its length byte; those of an image kept as PNG are negative."""
    return f"{num_bytes} bytes" if num_bytes > 0 else f"PNG, {-num_bytes} bytes"
