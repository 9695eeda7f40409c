"""Draws points of a manifold as images, and reads them back from any image.

- *linear*: x = ½ + ρ Σ_k a_k B_k for a ∈ M ⊂ R^m, with smooth orthonormal images B_k, and ρ so that
  x stays in [0, 1] for all points within M's radius. Distances of images are ρ times those in M.
- *moving*: a blob on a periodic grid, at two angles: a torus. A bar that turns: a circle.
"""

import abc

import numpy as np

from training.datasets.topology.manifolds import MANIFOLDS, Manifold
from zoo.errors import SettingError
from zoo.names import UnknownName

__all__ = ["NAMES", "Rendering", "rendering_of"]


class Rendering(abc.ABC):
    """How the points of a manifold become images.

    Attributes:
        manifold: The `Manifold`.
        image_size: (height, width) in pixels.
    """

    def __init__(self, manifold: Manifold, image_size: tuple[int, int]):
        self.manifold = manifold
        self.image_size = image_size

    @abc.abstractmethod
    def render(self, points: np.ndarray) -> np.ndarray:
        """Draws points `[N, m]` as images, float64 `[N, H, W, 1]` in [0, 1]."""

    @abc.abstractmethod
    def read(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reads images `[N, H, W, 1]` in pixel units.

        Returns:
            Points `[N, m]`, and how far each image is from all images of points in R^m, `[N]`, in
            M's unit of length.
        """

    def off_manifold(self, images: np.ndarray) -> np.ndarray:
        """Returns the distance of images from the set, `[N]`, in M's unit of length."""
        points, residual = self.read(images)
        return np.hypot(self.manifold.distance(points), residual)


class LinearRendering(Rendering):
    """Points as weights of images.

    Attributes:
        basis: B, orthonormal, `[m, H * W]`.
        scale: ρ, in pixel units.
    """

    def __init__(self, manifold, image_size, basis):
        super().__init__(manifold, image_size)
        self.basis = np.linalg.qr(basis.T)[0].T
        # Signs as given: QR chooses its own.
        self.basis *= np.sign(np.sum(self.basis * basis, axis=1))[:, None]
        self.scale = 0.5 / (manifold.radius * np.linalg.norm(self.basis, axis=0).max())

    def render(self, points):
        """Draws points; see the base class."""
        images = 0.5 + self.scale * points @ self.basis
        return images.reshape(-1, *self.image_size, 1)

    def read(self, images):
        """Projects images on the basis; see the base class."""
        deviations = np.reshape(images, [len(images), -1]).astype(np.float64) - 0.5
        weights = deviations @ self.basis.T
        residual = np.linalg.norm(deviations - weights @ self.basis, axis=1)
        return weights / self.scale, residual / self.scale


class MovingRendering(Rendering):
    """A shape in motion: read off by its moments, and judged by the image that it should be."""

    def read(self, images):
        """Reads positions, and compares with the image at these; see the base class."""
        pixels = np.asarray(images, np.float64)[..., 0]
        points = self._positions(pixels)
        differences = (pixels - self.render(points)[..., 0]).reshape(len(pixels), -1)
        return points, np.linalg.norm(differences, axis=1) / self._speed

    @property
    def _speed(self):
        """How far an image moves, in pixel units, as its point moves by one unit of length."""
        step = 1e-4
        start = np.zeros((1, self.manifold.ambient // 2))
        ahead = start.copy()
        ahead[0, 0] = step
        frames = (self.render(self._at_angles(angles)) for angles in (start, ahead))
        return np.linalg.norm(np.subtract(*frames)) / step

    @staticmethod
    def _at_angles(angles):
        """Points of a product of circles, `[N, 2 k]`."""
        parts = np.stack([np.cos(angles), np.sin(angles)], axis=2)
        return parts.reshape(len(angles), -1)

    @abc.abstractmethod
    def _positions(self, pixels: np.ndarray) -> np.ndarray:
        """Returns the points nearest to images `[N, H, W]`."""


class MovingBlob(MovingRendering):
    """A normal blob, an eighth of the image wide, on a grid without an edge."""

    def render(self, points):
        """Draws blobs at the two angles of points `[N, 4]`; see the base class."""
        rows, columns = (
            self._profile(np.arctan2(points[:, k + 1], points[:, k]), size)
            for k, size in zip((0, 2), self.image_size, strict=True)
        )
        return (rows[:, :, None] * columns[:, None, :])[..., None]

    @staticmethod
    def _profile(angles, size):
        offsets = np.arange(size) - angles[:, None] * size / (2.0 * np.pi)
        offsets = (offsets + size / 2.0) % size - size / 2.0
        return sum(np.exp(-0.5 * ((offsets + k * size) / (size / 8.0)) ** 2) for k in (-1, 0, 1))

    def _positions(self, pixels):
        transform = np.fft.fft2(pixels)
        angles = -np.angle(np.stack([transform[:, 1, 0], transform[:, 0, 1]], axis=1))
        return self._at_angles(angles)


class MovingBar(MovingRendering):
    """A bar through the middle, whose angle, doubled, is that of the circle's point."""

    def __init__(self, manifold, image_size):
        super().__init__(manifold, image_size)
        height, width = image_size
        self._y, self._x = np.meshgrid(
            np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij"
        )

    def render(self, points):
        """Draws bars; see the base class."""
        angles = 0.5 * np.arctan2(points[:, 1], points[:, 0])[:, None, None]
        along = self._x * np.cos(angles) + self._y * np.sin(angles)
        across = self._y * np.cos(angles) - self._x * np.sin(angles)
        side = min(self.image_size)
        exponent = (along / (side / 6.0)) ** 2 + (across / (side / 16.0)) ** 2
        return np.exp(-0.5 * exponent)[..., None]

    def _positions(self, pixels):
        moments = np.sum(pixels * (self._x + 1j * self._y) ** 2, axis=(1, 2))
        return self._at_angles(np.angle(moments)[:, None])


# === By name ===

_MOVING = {"moving_blob": (MovingBlob, "torus"), "moving_bar": (MovingBar, "circle")}
NAMES = (*MANIFOLDS, *_MOVING)
_LEAST_MOVING = 8


def rendering_of(name: str, image_size: tuple[int, int]) -> Rendering:
    """Returns the `Rendering` of a set of known topology.

    Args:
        name: One of `NAMES`.
        image_size: (height, width) in pixels.

    Raises:
        UnknownName: There is no such set.
        SettingError: The images are too small for it.
    """
    if name in _MOVING:
        kind, manifold = _MOVING[name]
        _check_size(name, image_size, min(image_size) >= _LEAST_MOVING, f"{_LEAST_MOVING} pixels")
        return kind(MANIFOLDS[manifold], image_size)
    if name not in MANIFOLDS:
        raise UnknownName("set of known topology", name, NAMES)
    manifold = MANIFOLDS[name]
    is_ball = name == "sphere"
    side = 4 if is_ball else 3
    _check_size(name, image_size, min(image_size) >= side, f"{side} pixels")
    basis = _ball(image_size) if is_ball else _cosines(manifold.ambient, image_size)
    return LinearRendering(manifold, image_size, basis)


def _check_size(name, image_size, is_right, least):
    if not is_right:
        expected = f"sides of at least {least} for topology:{name}"
        raise SettingError("image_size", expected, image_size)


def _cosines(num: int, image_size: tuple[int, int]) -> np.ndarray:
    """The `num` slowest products of cosines but the constant, `[num, H * W]`."""
    waves = sorted(((i, j) for i in range(3) for j in range(3)), key=lambda w: (sum(w), max(w), w))
    rows, columns = (
        [np.cos(np.pi * k * (np.arange(size) + 0.5) / size) for k in range(3)]
        for size in image_size
    )
    return np.stack([np.outer(rows[i], columns[j]).ravel() for i, j in waves[1 : num + 1]])


def _ball(image_size: tuple[int, int]) -> np.ndarray:
    """The components of a ball's normals, as light from three sides shows it, `[3, H * W]`."""
    y, x = np.meshgrid(*((np.arange(s) + 0.5 - s / 2) / (s / 2) for s in image_size), indexing="ij")
    inside = x**2 + y**2 < 1.0
    depth = np.sqrt(np.maximum(1.0 - x**2 - y**2, 0.0))
    return np.stack([(part * inside).ravel() for part in (x, y, depth)])


def describe(name: str) -> str:
    """Returns a sentence about the set of that name."""
    manifold = rendering_of(name, (_LEAST_MOVING,) * 2).manifold
    loops = ", ".join(map(str, manifold.betti))
    drawn = {
        "moving_blob": "A blob that moves on a grid without an edge",
        "moving_bar": "A bar that turns",
    }.get(name, "Points as weights of smooth images")
    return f"{drawn}: {manifold.description}, with Betti numbers {loops}."
