"""Taming VAEs, Figure 2: fixed points of a VAE of unbounded capacity, and its phase transitions."""

import numpy as np

from training.figures.plots import saved
from training.reproduction.target import Target
from training.reproduction.theory import (
    fixed_points,
    partition,
    phase_transitions,
    point_sets,
    tiles,
)

__all__ = ["TARGET"]

# Tiles a side, points, temperatures, steps.
_SIZES = {"smoke": (8, 20, 12, 40), "small": (32, 200, 200, 1200), "paper": (32, 200, 200, 1200)}
_COLDEST, _HOTTEST = 0.03, 0.5
_NUM_SHOWN, _NUM_PEAKS = 4, 3
_NEAR_ZERO = 1e-4  # The temperature of the partition.
_NUM_CLUSTERS = 8
_TITLE = "Figure 2: fixed points at four temperatures, and the phase transitions between them"
_MARGIN = 0.05  # Of a temperature, relative; the grid's steps are 0.0024.


def _measure(finished):
    side, num_points, num_betas, steps = _SIZES[finished.scale]
    points = point_sets.clusters(num_points)
    betas = np.linspace(_COLDEST, _HOTTEST, num_betas)
    start = tiles.initial_reconstructions(side)
    found = fixed_points.solve(points, betas, start, max_steps=steps)
    peaks, curvature = phase_transitions.critical_temperatures(betas, found.error, _NUM_PEAKS)
    shown = np.linspace(0, num_betas - 1, _NUM_SHOWN).astype(int)
    numbers = {
        "peaks_of_the_curvature": peaks.tolist(),
        "critical_temperatures_due": list(point_sets.MERGING_TEMPERATURES),
        "error_when_cold": float(found.error[0]),
        "error_when_hot": float(found.error[-1]),
        "share_converged": float(found.converged.mean()),
        "holes_when_cold": int(partition.holes(points, found.reconstructions[0], betas[0]).sum()),
        **_partition(start, steps),
    }
    arrays = {
        "points": np.float32(points),
        "betas": np.float32(betas),
        "error": found.error,
        "curvature": np.float32(curvature),
        "shown": shown,
        "reconstructions": found.reconstructions[shown],
    }
    return numbers, arrays


def _partition(start, steps):
    """How the tiles divide among the clusters' places as β → 0, and what each costs in nats."""
    places = point_sets.clusters(_NUM_CLUSTERS, noise=0.0)
    found = fixed_points.solve(places, [_NEAR_ZERO], start, max_steps=steps)
    parts = partition.partition(places, found.reconstructions[0], _NEAR_ZERO)
    return {
        "masses_near_zero": parts.masses.tolist(),
        "divergences_near_zero": parts.divergences.tolist(),
        "mean_divergence_near_zero": float(parts.divergences.mean()),
        "divergence_of_equal_masses": parts.equiprobable_divergence,
    }


def _draw(numbers, arrays, path):
    with saved(path, 2, _NUM_SHOWN, figsize=(12, 6), title=_TITLE) as (figure, (above, below)):
        for axis, index, found in zip(
            above, arrays["shown"], arrays["reconstructions"], strict=True
        ):
            axis.scatter(*arrays["points"].T, s=5, color="0.6", label="data")
            axis.scatter(*found.T, s=14, color="tab:red", label="reconstruction vectors g")
            axis.set(title=f"β = {arrays['betas'][index]:.3g}", xlabel="x₁", aspect="equal")
            axis.set(xlim=(-1.1, 1.1), ylim=(-0.6, 0.6), xticks=(-1, 0, 1), yticks=(-0.5, 0, 0.5))
        above[0].set_ylabel("x₂")
        grid = below[0].get_gridspec()
        for axis in below:
            axis.remove()
        left, right = (figure.add_subplot(grid[1, start : start + 2]) for start in (0, 2))
        left.plot(arrays["betas"], arrays["error"])
        left.set(title="error", ylabel="u(β) = E‖x - g‖²")
        right.plot(arrays["betas"], arrays["curvature"])
        right.set(title="its curvature", ylabel="|d²u/dβ²|")
        for axis in (left, right):
            _mark(axis, numbers)
            axis.set_xlabel("temperature β")
        handles = [*above[0].get_legend_handles_labels()[0], *left.get_legend_handles_labels()[0]]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _mark(axis, numbers):
    """Marks where the curvature peaks, and where clusters should merge."""
    marks = (
        ("peaks_of_the_curvature", "-", "tab:orange", "highest peaks of the curvature"),
        ("critical_temperatures_due", ":", "black", "where clusters should merge"),
    )
    for name, style, colour, label in marks:
        for index, temperature in enumerate(numbers[name]):
            named = {"label": label} if index == 0 else {}
            line = {"color": colour, "linestyle": style, "linewidth": 1.2, "zorder": 1}
            axis.axvline(temperature, **line, **named)


def _verdict(numbers):
    peaks = np.array(numbers["peaks_of_the_curvature"])
    parts, errors = [], []
    for due in numbers["critical_temperatures_due"]:
        nearest = peaks[np.abs(peaks - due).argmin()]
        errors.append(abs(nearest / due - 1.0))
        parts.append(f"{nearest:.3g} where {due:.3g} is due")
    agrees = "agrees" if max(errors) < _MARGIN else "disagrees"
    return (
        f"{agrees}: of the curvature's {len(peaks)} highest peaks those nearest to where clusters "
        f"should merge stand at {', '.join(parts)}. Of all temperatures "
        f"{numbers['share_converged']:.0%} converged. As β → 0 the tiles divide unequally among "
        f"the eight clusters, at {numbers['mean_divergence_near_zero']:.3f} nats in the mean; "
        f"equal shares would cost {numbers['divergence_of_equal_masses']:.3f}."
    )


TARGET = Target(
    name="figure-2",
    source="Taming VAEs, Figure 2",
    claim="As the temperature β rises the reconstruction vectors merge in clusters, at phase "
    "transitions that show as peaks of the second derivative of the error.",
    measure=_measure,
    draw=_draw,
    verdict=_verdict,
)
