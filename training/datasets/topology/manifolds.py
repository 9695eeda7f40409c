"""Manifolds in R^m: how to draw uniformly from them, and how far a point is from them."""

import dataclasses
from collections.abc import Callable

import numpy as np

__all__ = ["MANIFOLDS", "Manifold"]

Points = np.ndarray  # float64 [N, m]


@dataclasses.dataclass(frozen=True)
class Manifold:
    """A set of points of known topology.

    Attributes:
        description: A few words.
        dimension: Its own dimension: of a stratified set the largest.
        betti: Betti numbers over Z/2: components, loops, cavities.
        radius: Largest distance from 0.
        draw: `(num, generator)` -> points, uniform.
        distance: Points of R^m -> their distances from the set, `[N]`.
        harmonics: Points near the set -> functions `[N, k]` of the nearest points on it, whose mean
            is 0 where these are uniform.
        ambient: m.
    """

    description: str
    dimension: int
    betti: tuple[int, int, int]
    radius: float
    draw: Callable[[int, np.random.Generator], Points]
    distance: Callable[[Points], np.ndarray]
    harmonics: Callable[[Points], np.ndarray]
    ambient: int


def _on_circle(angles: np.ndarray) -> Points:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _angle(points: Points) -> np.ndarray:
    return np.arctan2(points[:, 1], points[:, 0])


def _waves(angles: np.ndarray) -> np.ndarray:
    """The first two harmonics of angles, `[N, 4]`."""
    return np.concatenate([_on_circle(angles), _on_circle(2.0 * angles)], axis=1)


def _off_circle(points: Points) -> np.ndarray:
    return np.abs(np.linalg.norm(points[:, :2], axis=1) - 1.0)


# === One dimension ===


def _draw_circle(num: int, generator: np.random.Generator) -> Points:
    return _on_circle(generator.uniform(-np.pi, np.pi, num))


def _draw_interval(num: int, generator: np.random.Generator) -> Points:
    return _on_circle(generator.uniform(0.0, np.pi, num))


def _off_interval(points: Points) -> np.ndarray:
    ends = np.hypot(np.abs(points[:, 0]) - 1.0, points[:, 1])
    return np.where(points[:, 1] >= 0, _off_circle(points), ends)


def _waves_of_interval(points: Points) -> np.ndarray:
    angles = np.arctan2(np.maximum(points[:, 1], 0.0), points[:, 0])
    return np.stack([np.cos(angles), np.cos(2.0 * angles)], axis=1)


_HEIGHT = 0.75  # Of two circles above and below 0: nearer to each other than across.


def _draw_two_circles(num: int, generator: np.random.Generator) -> Points:
    heights = generator.choice([-_HEIGHT, _HEIGHT], num)
    return np.concatenate([_draw_circle(num, generator), heights[:, None]], axis=1)


def _off_two_circles(points: Points) -> np.ndarray:
    return np.hypot(_off_circle(points), np.abs(points[:, 2]) - _HEIGHT)


def _waves_of_two_circles(points: Points) -> np.ndarray:
    return np.concatenate([_waves(_angle(points)), np.sign(points[:, 2:])], axis=1)


# === Two dimensions ===


def _draw_sphere(num: int, generator: np.random.Generator) -> Points:
    points = generator.standard_normal((num, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _off_sphere(points: Points) -> np.ndarray:
    return np.abs(np.linalg.norm(points, axis=1) - 1.0)


def _waves_of_sphere(points: Points) -> np.ndarray:
    normals = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    return np.concatenate([normals, _as_vectors(_projectors(normals))], axis=1)


def _draw_torus(num: int, generator: np.random.Generator) -> Points:
    return np.concatenate([_draw_circle(num, generator) for _ in range(2)], axis=1)


def _off_torus(points: Points) -> np.ndarray:
    return np.hypot(_off_circle(points[:, :2]), _off_circle(points[:, 2:]))


def _waves_of_torus(points: Points) -> np.ndarray:
    angles = [_angle(points[:, :2]), _angle(points[:, 2:])]
    return np.concatenate([_waves(each) for each in angles], axis=1)


_ROOT = np.sqrt(2.0)


def _projectors(normals: np.ndarray) -> np.ndarray:
    """Matrices n nᵀ - I/3, `[N, 3, 3]`."""
    return normals[:, :, None] * normals[:, None, :] - np.eye(3) / 3.0


def _as_vectors(matrices: np.ndarray) -> Points:
    """Symmetric matrices as vectors `[N, 6]` with the same distances."""
    diagonal = matrices[:, range(3), range(3)]
    return np.concatenate([diagonal, _ROOT * matrices[:, [0, 0, 1], [1, 2, 2]]], axis=1)


def _as_matrices(points: Points) -> np.ndarray:
    matrices = np.zeros((len(points), 3, 3))
    matrices[:, range(3), range(3)] = points[:, :3]
    for column, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
        matrices[:, i, j] = matrices[:, j, i] = points[:, 3 + column] / _ROOT
    return matrices


def _draw_projective(num: int, generator: np.random.Generator) -> Points:
    return _as_vectors(_projectors(_draw_sphere(num, generator)))


def _nearest_projective(points: Points) -> Points:
    return _as_vectors(_projectors(np.linalg.eigh(_as_matrices(points))[1][:, :, -1]))


def _off_projective(points: Points) -> np.ndarray:
    return np.linalg.norm(points - _nearest_projective(points), axis=1)


# === Strata ===

_DISC = 0.5  # Heights of the discs, which span the sphere.
_RIM = np.sqrt(1.0 - _DISC**2)
_SHARES = (0.5, 0.2, 0.2, 0.1)  # Of sphere, two discs, and the segment between their middles.


def _draw_stratified(num: int, generator: np.random.Generator) -> Points:
    stratum = generator.choice(4, num, p=_SHARES)
    points = _draw_sphere(num, generator)
    plane = _draw_circle(num, generator) * (_RIM * np.sqrt(generator.uniform(size=(num, 1))))
    heights = generator.uniform(-_DISC, _DISC, num)
    on_disc, on_segment = (stratum == 1) | (stratum == 2), stratum == 3
    points[on_disc, :2] = plane[on_disc]
    points[on_disc, 2] = np.where(stratum[on_disc] == 1, -_DISC, _DISC)
    points[on_segment] = np.stack([0 * heights, 0 * heights, heights], axis=1)[on_segment]
    return points


def _off_strata(points: Points) -> np.ndarray:
    """Distances from each of the strata, `[N, 4]`."""
    across, heights = np.linalg.norm(points[:, :2], axis=1), points[:, 2]
    beyond = np.maximum(across - _RIM, 0.0)
    discs = [np.hypot(heights - level, beyond) for level in (-_DISC, _DISC)]
    segment = np.hypot(across, np.maximum(np.abs(heights) - _DISC, 0.0))
    return np.stack([_off_sphere(points), *discs, segment], axis=1)


def _off_stratified(points: Points) -> np.ndarray:
    return _off_strata(points).min(axis=1)


def _shares_of_strata(points: Points) -> np.ndarray:
    nearest = _off_strata(points).argmin(axis=1)
    return np.eye(4)[nearest] - _SHARES


MANIFOLDS = {
    "interval": Manifold(
        "a half circle, the control: R^1 can be mapped onto it",
        1, (1, 0, 0), 1.0, _draw_interval, _off_interval, _waves_of_interval, 2,
    ),
    "circle": Manifold(
        "a circle",
        1, (1, 1, 0), 1.0, _draw_circle, _off_circle, lambda p: _waves(_angle(p)), 2,
    ),
    "two_circles": Manifold(
        "two circles, one above the other",
        1, (2, 2, 0), np.hypot(1.0, _HEIGHT), _draw_two_circles, _off_two_circles,
        _waves_of_two_circles, 3,
    ),
    "sphere": Manifold(
        "a sphere", 2, (1, 0, 1), 1.0, _draw_sphere, _off_sphere, _waves_of_sphere, 3
    ),
    "torus": Manifold(
        "a torus, the product of two circles",
        2, (1, 2, 1), _ROOT, _draw_torus, _off_torus, _waves_of_torus, 4,
    ),
    "projective": Manifold(
        "the projective plane, as the matrices n nᵀ - I/3",
        2, (1, 1, 1), np.sqrt(2.0 / 3.0), _draw_projective, _off_projective,
        _nearest_projective, 6,
    ),
    "stratified": Manifold(
        "a sphere, two discs that span it, and the segment between their middles",
        2, (1, 1, 3), 1.0, _draw_stratified, _off_stratified, _shares_of_strata, 3,
    ),
}  # fmt: skip
