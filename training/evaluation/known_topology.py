"""Whether a model's images lie on a set of known topology, cover it, and follow it.

For the sets `topology:NAME`. A decoder of a normal prior is continuous, so on a closed set it cuts
(neighbours have distant codes: interpolations jump), fills (samples lie off the set), or leaves a
part uncovered. Lengths are in the set's own unit, in which its radius is about 1.
"""

import numpy as np
import tensorflow as tf

from training.datasets.topology import rendering_of
from training.evaluation import persistence
from training.evaluation.latents import interpolations
from zoo.errors import UsageError
from zoo.models.charts.farthest_points import farthest_points

__all__ = ["check", "measure", "nearest", "of_images"]

DESCRIPTION = "on topology:NAME: share of samples off the set, coverage, jumps of interpolations"
NEEDS = ()

_PREFIX = "topology:"
_BATCH = 250
_FAR = 0.1  # From the set, to be off it.
_NUM_CELLS, _NUM_POINTS = 200, 20_000
_NUM_FRAMES = 33  # Of an interpolation.


def measure(model, data, num_samples=1000, num_pairs=200, seed=0):
    """Measures samples, and interpolations between test images.

    Args:
        model: Any model that samples images.
        data: The `ImageDataset` of a set `topology:NAME`.
        num_samples: Images to sample.
        num_pairs: Pairs of test images to interpolate between, of a model that encodes.
        seed: Of the samples and the pairs.

    Returns:
        A dict: what `of_images` says of the samples; `path_off_manifold`, the largest distance from
        the set on the straight path between the latents of two images, and `path_jump`, its largest
        step over its mean step (a cut is a jump), both the median over pairs; and with the packages
        of `vae-zoo[topology]` what `persistence.compare` says.

    Raises:
        UsageError: The data are no such set.

    Example:
        >>> measure(model, datasets.load("topology:circle"))
    """
    check(model, data)
    rendering = _rendering(data)
    samples = _sample(model, num_samples, seed)
    measures = of_images(samples, rendering, seed)
    test = data.arrays("test")["image"]
    if getattr(model, "has_encoder", False):
        order = np.random.default_rng(seed).permutation(len(test))[: 2 * num_pairs]
        pairs = np.split(test[order], 2)
        measures |= _of_paths(interpolations(model, *pairs, _NUM_FRAMES), rendering)
    points, truth = (rendering.read(_grey(images))[0] for images in (samples, test / 255.0))
    return measures | persistence.compare(points, truth, rendering.manifold.betti)


def check(model, data):
    """Raises UsageError if the data are no set of known topology."""
    if not data.name.startswith(_PREFIX):
        raise UsageError(
            "known_topology measures images of a set topology:NAME, such as topology:circle. "
            f"Received: {data.name}"
        )


def _rendering(data):
    return rendering_of(data.name.removeprefix(_PREFIX), tuple(data.image_shape[:2]))


def of_images(images, rendering, seed=0):
    """Measures images by where they lie.

    Args:
        images: `[N, H, W, C]` in pixel units.
        rendering: The `Rendering` of the set.
        seed: Of the points that cells are made of.

    Returns:
        A dict of `off_manifold`, the mean distance from the set; `off_manifold_share`, the share of
        images further than 0.1 from it; `coverage`, the share of 200 cells of the set that hold an
        image, and `uniform_coverage`, that of as many uniform points; and `nonuniformity`, the norm
        of the mean of the set's harmonics, 0 where images are uniform.
    """
    grey, manifold = _grey(images), rendering.manifold
    distances = rendering.off_manifold(grey)
    generator = np.random.default_rng(seed)
    points = manifold.draw(_NUM_POINTS, generator)
    centres = points[farthest_points(points, _NUM_CELLS)]
    found = rendering.read(grey)[0]
    uniform = manifold.draw(len(grey), generator)
    return {
        "off_manifold": float(distances.mean()),
        "off_manifold_share": float(np.mean(distances > _FAR)),
        "coverage": _share_of_cells(found, centres),
        "uniform_coverage": _share_of_cells(uniform, centres),
        "nonuniformity": float(np.linalg.norm(manifold.harmonics(found).mean(axis=0))),
    }


def nearest(points, centres):
    """Returns the number of the nearest centre `[K, m]` of each point `[N, m]`."""
    squares = np.sum(centres**2, axis=1) - 2.0 * points @ centres.T
    return squares.argmin(axis=1)


def _share_of_cells(points, centres):
    return len(np.unique(nearest(points, centres))) / len(centres)


def _of_paths(paths, rendering):
    num, frames = paths.shape[:2]
    distances = rendering.off_manifold(_grey(paths.reshape(num * frames, *paths.shape[2:])))
    return {
        "path_off_manifold": float(np.median(distances.reshape(num, frames).max(axis=1))),
        "path_jump": float(np.median(_jumps(paths))),
    }


def _jumps(paths):
    """Returns the largest step of each path `[N, frames, H, W, C]` over its mean step, `[N]`."""
    steps = np.linalg.norm(np.diff(paths.reshape(*paths.shape[:2], -1), axis=1), axis=2)
    return steps.max(axis=1) / np.maximum(steps.mean(axis=1), 1e-12)


def _sample(model, num, seed):
    """Samples in batches; row i is that of seed (seed, i)."""
    parts = [
        model.sample(min(_BATCH, num - start), seed=tf.constant([seed, start], tf.int32))
        for start in range(0, num, _BATCH)
    ]
    return np.concatenate(parts)


def _grey(images):
    return np.mean(np.asarray(images, np.float64), axis=3, keepdims=True)
