"""Points spread evenly over many: each the farthest from those chosen before."""

import numpy as np

__all__ = ["farthest_points", "nearest"]


def farthest_points(points: np.ndarray, num: int) -> np.ndarray:
    """Returns the numbers of `num` of the points `[N, m]`, beginning with the first one."""
    chosen = [0]
    distances = np.linalg.norm(points - points[0], axis=1)
    for _ in range(num - 1):
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns the number of the nearest centre `[K, m]` of each point `[N, m]`."""
    squares = np.sum(centres**2, axis=1) - 2.0 * points @ centres.T
    return squares.argmin(axis=1)
