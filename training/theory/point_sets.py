"""Data in the plane: mixtures of lines and of circles (Taming VAEs, Figures 2 and 7)."""

import numpy as np

__all__ = ["circles", "lines"]

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
