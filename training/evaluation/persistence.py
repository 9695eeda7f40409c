"""Persistent homology of samples beside that of data: how many holes there are of each dimension.

By ripser and persim, which `pip install 'vae-zoo[topology]'` brings; without them it is left out.
"""

import functools
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
        Where the data have no true bar of a dimension, half of their longest in another counts, or
        else half of their radius. Of k from m on `betti_k` is 0, as of all sets in R^m, and there
        are no diagrams. Only `persistence`, which says why, where the packages are missing.
    """
    if not is_installed():
        return {"persistence": "left out: pip install 'vae-zoo[topology]' brings ripser and persim"}
    import persim

    found, expected = bars(points), bars(truth)
    radius = np.linalg.norm(truth - truth.mean(axis=0), axis=1).max()
    least = _least_lengths(expected, betti, radius)
    result = {f"betti_{k}": 0 for k in range(len(betti))}
    for k, diagrams in enumerate(zip(found, expected, strict=True)):
        result[f"betti_{k}"] = _endless(k) + int(np.sum(_lengths(found[k]) > least[k]))
        result[f"bottleneck_{k}"] = float(persim.bottleneck(*map(_finite, diagrams)))
    return result


def _least_lengths(diagrams, betti, radius):
    """Returns for each dimension how long a bar must be to count."""
    true = [
        np.sort(_lengths(diagram))[::-1][: number - _endless(k)]
        for k, (diagram, number) in enumerate(zip(diagrams, betti, strict=False))
    ]
    longest = max((lengths[0] for lengths in true if len(lengths)), default=radius)
    return [0.5 * (lengths[-1] if len(lengths) else longest) for lengths in true]


def _endless(k):
    """How many bars last for ever: one component, which is no bar of finite length."""
    return 1 if k == 0 else 0


def bars(points):
    """Returns births and deaths, `[bars, 2]`, of dimensions 0, 1 and 2 but those from m on.

    Of 300 points, each the farthest from those before.

    Args:
        points: `[N, m]`.
    """
    chosen = points[farthest_points(points, min(_NUM_POINTS, len(points)))]
    return _bars(np.float64(chosen).tobytes(), chosen.shape)


@functools.lru_cache(maxsize=2)  # Seconds in three dimensions, and many models have the same data.
def _bars(content, shape):
    import ripser

    points = np.frombuffer(content, np.float64).reshape(shape)
    return ripser.ripser(points, maxdim=min(_DIMENSIONS, shape[1]) - 1)["dgms"]


def _finite(diagram):
    return diagram[np.isfinite(diagram[:, 1])]


def _lengths(diagram):
    return np.diff(_finite(diagram), axis=1)[:, 0]
