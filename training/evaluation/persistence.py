"""Persistent homology of samples beside that of data: how many holes there are of each dimension.

By ripser and persim, which `pip install 'vae-zoo[topology]'` brings; without them it is left out.
"""

import importlib.util

import numpy as np

from zoo.models.charts.farthest_points import farthest_points

__all__ = ["bars", "compare", "is_installed"]

_NUM_POINTS = 300
_DIMENSIONS = 3


def is_installed():
    """Whether the packages of `vae-zoo[topology]` are there."""
    return all(importlib.util.find_spec(name) for name in ("persim", "ripser"))


def compare(points, truth, betti):
    """Compares the persistent homology of points with that of others, of known Betti numbers.

    Args:
        points: Points of samples, `[N, m]`.
        truth: Points of data, `[N, m]`.
        betti: The data's Betti numbers.

    Returns:
        A dict, for each dimension k of the 3: `betti_k`, the number of bars longer than half of the
        data's shortest true bar, and `bottleneck_k`, the bottleneck distance of the two diagrams.
        Only `persistence`, which says why, where the packages are missing.
    """
    if not is_installed():
        return {"persistence": "left out: pip install 'vae-zoo[topology]' brings ripser and persim"}
    import persim

    found, expected = bars(points), bars(truth)
    longest = max(_lengths(diagram).max(initial=0.0) for diagram in expected[1:])
    result = {}
    for k, number in enumerate(betti):
        # A component that lives for ever is no bar of finite length.
        endless = 1 if k == 0 else 0
        true = np.sort(_lengths(expected[k]))[::-1][: number - endless]
        least = 0.5 * (true[-1] if len(true) else longest)
        result[f"betti_{k}"] = endless + int(np.sum(_lengths(found[k]) > least))
        result[f"bottleneck_{k}"] = float(
            persim.bottleneck(_finite(found[k]), _finite(expected[k]))
        )
    return result


def bars(points):
    """Returns births and deaths, `[bars, 2]`, of dimensions 0, 1 and 2.

    Of 300 points, each the farthest from those before.
    """
    import ripser

    chosen = points[farthest_points(points, min(_NUM_POINTS, len(points)))]
    return ripser.ripser(chosen, maxdim=_DIMENSIONS - 1)["dgms"]


def _finite(diagram):
    return diagram[np.isfinite(diagram[:, 1])]


def _lengths(diagram):
    return np.diff(_finite(diagram), axis=1)[:, 0]
