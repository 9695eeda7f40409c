"""Data in the plane: clusters of clusters, lines and circles (Taming VAEs, Figures 2 and 7)."""

import numpy as np

__all__ = ["MERGING_TEMPERATURES", "circles", "clusters", "lines"]

# Half the distance between two clusters, of each level of the tree of clusters, and its direction.
_CLUSTER_SCALES = (0.6, 0.35, 0.2)
_CLUSTER_DIRECTIONS = ((1.0, 0.0), (0.0, 1.0), (1.0, 0.0))
# Clusters merge where β is the variance of what is being merged along the line between them: for
# the first level that is its own and the third's, which has the same direction.
MERGING_TEMPERATURES = (0.6**2 + 0.2**2, 0.35**2, 0.2**2)

_RADII = (0.3, 0.7)
_LINES = (((-0.8, -0.6), (-0.2, 0.7)), ((0.0, -0.7), (0.1, 0.6)), ((0.4, 0.5), (0.8, -0.5)))


def circles(number=200, noise=0.02, seed=0):
    """Draws points near two circles about the origin: float32 `[number, 2]` [choice: the radii]."""
    generator = np.random.default_rng(seed)
    angles = 2.0 * np.pi * np.arange(number) / number * len(_RADII)
    radii = np.array(_RADII)[np.arange(number) * len(_RADII) // number]
    points = radii[:, np.newaxis] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return (points + noise * generator.standard_normal(points.shape)).astype("f4")


def lines(number=200, noise=0.02, seed=0):
    """Draws points near three lines: float32 `[number, 2]` [choice: their places]."""
    generator = np.random.default_rng(seed)
    which = np.arange(number) * len(_LINES) // number
    ends = np.array(_LINES)[which]
    along = generator.random((number, 1))
    points = (1.0 - along) * ends[:, 0] + along * ends[:, 1]
    return (points + noise * generator.standard_normal(points.shape)).astype("f4")


def clusters(number=200, noise=0.02, seed=0):
    """Draws points near eight places, a tree of pairs of pairs of pairs: float32 `[number, 2]`.

    The levels merge near `MERGING_TEMPERATURES` [choice; the paper does not describe its points].
    """
    generator = np.random.default_rng(seed)
    which = np.arange(number) * 8 // number
    signs = 2 * np.stack([which // 4, which // 2 % 2, which % 2], axis=1) - 1
    places = (signs * np.array(_CLUSTER_SCALES)) @ np.array(_CLUSTER_DIRECTIONS)
    return (places + noise * generator.standard_normal((number, 2))).astype("f4")
