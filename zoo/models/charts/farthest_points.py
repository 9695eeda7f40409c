"""Points spread evenly over many: each the farthest from those chosen before."""

import numpy as np

__all__ = ["farthest_points"]


def farthest_points(points: np.ndarray, num: int) -> np.ndarray:
    """Returns the numbers of `num` of the points `[N, m]`, beginning with the first one."""
    chosen = [0]
    distances = np.linalg.norm(points - points[0], axis=1)
    for _ in range(num - 1):
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)
