"""Taming VAEs, Figure 7: fixed points of decoders that cannot change faster than L."""

import numpy as np

from training.reproduction.drawing import saved
from training.reproduction.target import Target
from training.reproduction.theory import fixed_points, lipschitz, point_sets, tiles

__all__ = ["TARGET"]

# Tiles a side, points, steps.
_SIZES = {"smoke": (8, 20, 20), "small": (32, 200, 800), "paper": (32, 200, 800)}
_BETAS = (1e-3, 0.03)
_CONSTANT = 1.0
_RADIUS = 0.25
_MARGIN = 0.1  # A share of vectors that counts as a difference.
_POINT_SETS = {"lines": point_sets.lines, "circles": point_sets.circles}


def _draw(finished, path):
    side, num_points, steps = _SIZES[finished.scale]
    centers, start = tiles.tile_centers(side), tiles.initial_reconstructions(side)
    constraints = {
        "no constraint": None,
        "local": lipschitz.constraint(centers, _CONSTANT, _RADIUS),
        "global": lipschitz.constraint(centers, _CONSTANT),
    }
    numbers = {}
    columns = [(name, index) for name in _POINT_SETS for index in range(len(_BETAS))]
    with saved(path, len(constraints), len(columns), figsize=(11, 8.4)) as (_, axes):
        for row, (label, constrain) in zip(axes, constraints.items(), strict=True):
            for name, make_points in _POINT_SETS.items():
                points = make_points(num_points)
                found = fixed_points.solve(
                    points, _BETAS, start, max_steps=steps, constrain=constrain
                )
                radius = _RADIUS if label == "local" else None
                ratios = lipschitz.largest_ratio(found.reconstructions, centers, radius)
                for index, beta in enumerate(_BETAS):
                    axis = row[columns.index((name, index))]
                    _scatter(axis, points, found.reconstructions[index])
                    axis.set_title(f"{name}, β = {beta:g}, {label}")
                    numbers[f"{name}, β = {beta:g}, {label}"] = {
                        "largest_ratio": float(ratios[index]),
                        "error": float(found.error[index]),
                        "converged": "yes" if found.converged[index] else "no",
                        "between": _share_between(points, found.reconstructions[index]),
                    }
    return numbers


def _scatter(axis, points, reconstructions):
    axis.scatter(*points.T, s=4, color="tab:blue", alpha=0.4)
    axis.scatter(*reconstructions.T, s=3, color="tab:red")
    axis.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal", xticks=[], yticks=[])


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
    draw=_draw,
    verdict=_verdict,
)
