"""Taming VAEs, Figure 7: fixed points of decoders that cannot change faster than L."""

import numpy as np

from training.figures.plots import saved
from training.reproduction.target import Target
from training.reproduction.theory import fixed_points, lipschitz, point_sets, tiles

__all__ = ["TARGET"]

# Tiles a side, points, steps.
_SIZES = {"smoke": (8, 20, 20), "small": (32, 200, 800), "paper": (32, 200, 800)}
_BETAS = (1e-3, 0.03)
_CONSTANT = 1.0
_RADIUS = 0.25
_ROWS = {
    "no constraint": "no constraint",
    "local": f"Lipschitz constant {_CONSTANT:g}\nbetween tiles {_RADIUS:g} apart",
    "global": f"Lipschitz constant {_CONSTANT:g}\nbetween all tiles",
}
_TITLE = "Figure 7: fixed points of decoders that may change as fast as they like, and that may not"
_MARGIN = 0.1  # A share of vectors that counts as a difference.
_POINT_SETS = {"lines": point_sets.lines, "circles": point_sets.circles}


def _measure(finished):
    side, num_points, steps = _SIZES[finished.scale]
    centers, start = tiles.tile_centers(side), tiles.initial_reconstructions(side)
    constraints = {
        "no constraint": None,
        "local": lipschitz.constraint(centers, _CONSTANT, _RADIUS),
        "global": lipschitz.constraint(centers, _CONSTANT),
    }
    points = {name: np.float32(make(num_points)) for name, make in _POINT_SETS.items()}
    numbers, arrays = {}, {f"points_{name}": values for name, values in points.items()}
    for label, constrain in constraints.items():
        for name in _POINT_SETS:
            found = fixed_points.solve(
                points[name], _BETAS, start, max_steps=steps, constrain=constrain
            )
            radius = _RADIUS if label == "local" else None
            ratios = lipschitz.largest_ratio(found.reconstructions, centers, radius)
            for index, beta in enumerate(_BETAS):
                key = f"{name}, β = {beta:g}, {label}"
                arrays[key] = found.reconstructions[index]
                numbers[key] = {
                    "largest_ratio": float(ratios[index]),
                    "error": float(found.error[index]),
                    "converged": "yes" if found.converged[index] else "no",
                    "between": _share_between(points[name], found.reconstructions[index]),
                }
    return numbers, arrays


def _draw(numbers, arrays, path):
    columns = [(name, beta) for name in _POINT_SETS for beta in _BETAS]
    size = (len(_ROWS), len(columns))
    with saved(path, *size, figsize=(11, 9), title=_TITLE, sharex=True, sharey=True) as (
        figure,
        axes,
    ):
        for row, (label, words) in zip(axes, _ROWS.items(), strict=True):
            for axis, (name, beta) in zip(row, columns, strict=True):
                key = f"{name}, β = {beta:g}, {label}"
                _scatter(axis, arrays[f"points_{name}"], arrays[key])
                if numbers[key]["converged"] == "no":
                    axis.text(0.03, 0.03, "not converged", transform=axis.transAxes, fontsize=8)
            row[0].set_ylabel(f"{words}\nx₂")
        for axis, (name, beta) in zip(axes[0], columns, strict=True):
            axis.set_title(f"{name}, β = {beta:g}")
        for axis in axes[-1]:
            axis.set_xlabel("x₁")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)


def _scatter(axis, points, reconstructions):
    axis.scatter(*points.T, s=4, color="tab:blue", alpha=0.4, label="data")
    axis.scatter(*reconstructions.T, s=3, color="tab:red", label="reconstruction vectors g")
    ticks = (-1, 0, 1)
    axis.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal", xticks=ticks, yticks=ticks)


def _share_between(points, reconstructions, distance=0.08):
    """Share of reconstruction vectors farther from all data than a distance [choice]."""
    gaps = np.linalg.norm(reconstructions[:, None] - points[None], axis=2).min(axis=1)
    return float((gaps > distance).mean())


def _verdict(numbers):
    free = [v["between"] for k, v in numbers.items() if k.endswith("no constraint")]
    bound = [v["between"] for k, v in numbers.items() if k.endswith("global")]
    agrees = "agrees" if np.mean(bound) > np.mean(free) + _MARGIN else "disagrees"
    return (
        f"{agrees}: without a constraint {np.mean(free):.0%} of the reconstruction vectors lie "
        f"away from the data, under the global one {np.mean(bound):.0%}."
    )


TARGET = Target(
    name="figure-7",
    source="Taming VAEs, Figure 7",
    claim="A decoder that cannot change faster than a Lipschitz constant joins the clusters of "
    "fixed points: it draws what lies between the data.",
    measure=_measure,
    draw=_draw,
    verdict=_verdict,
)
