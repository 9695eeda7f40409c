"""The data sets `topology:NAME`: images of points drawn uniformly from a known set."""

import numpy as np

from training.datasets.image_dataset import ImageDataset
from training.datasets.registry import register
from training.datasets.splits import MemorySplit
from training.datasets.topology.renderings import describe, rendering_of

__all__ = ["load_topology"]

DEFAULT_IMAGE_SIZE = (16, 16)
NUM_EXAMPLES = {"train": 10_000, "validation": 1000, "test": 2000}
LICENCE = "Drawn here by arithmetic: free of rights"


@register("topology", "NAME")
def load_topology(kind, image_size, channels, seed) -> ImageDataset:
    """Draws the images of a set of known topology, on 256 levels.

    16x16 pixels by default; `seed` draws other points.

    Raises:
        UnknownName: There is no such set.
        SettingError: The images are too small for it.
    """
    rendering = rendering_of(kind, image_size or DEFAULT_IMAGE_SIZE)
    splits = {}
    for number, (split, num) in enumerate(NUM_EXAMPLES.items()):
        points = rendering.manifold.draw(num, np.random.default_rng([seed, number]))
        images = np.rint(255.0 * rendering.render(points)).astype(np.uint8)
        splits[split] = MemorySplit({"image": np.repeat(images, channels or 1, axis=3)})
    return ImageDataset(
        name=f"topology:{kind}",
        image_shape=(*rendering.image_size, channels or 1),
        num_classes=None,
        description=describe(kind),
        splits=splits,
        licence=LICENCE,
        version=f"1, seed {seed}",
    )
