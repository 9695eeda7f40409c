"""LSUN: millions of photographs of a kind of scene or object (Yu et al. 2015)."""

import dataclasses

from training.datasets.image_dataset import ImageDataset
from training.datasets.registry import register
from training.datasets.tfds_sets import load_builder
from zoo.names import near_names

DEFAULT_CATEGORY = "bedroom"
IMAGE_SIZE = (64, 64)
LICENCE = (
    "LSUN comes without a licence for its photographs; cite F. Yu and others, *LSUN: Construction "
    "of a Large-scale Image Dataset using Deep Learning with Humans in the Loop*, 2015, "
    "<https://arxiv.org/abs/1506.03365>"
)


@register("lsun", rest="CATEGORY", default=DEFAULT_CATEGORY)
def load_lsun(category, name, image_size, fit, channels, data_dir) -> ImageDataset:
    """Loads one of LSUN's ten scenes and twenty objects; the other arguments as in `load`.

    The pictures differ in size, with 256 pixels on their shorter side; by default they are brought
    to 64x64.

    The 300 validation images of a scene category are its validation split. LSUN gives out no
    test images of a category, so they are the last 5% of its training images, as are the
    validation images of an object category. In the code of the sequential VAE the test images
    are the training images; here no image is in two splits.

    Raises:
        ValueError, FileNotFoundError: There is no such category, or as in `load_builder`.
        ImportError: The data is not prepared and the package lmdb is not installed.
    """
    # Imported here, as this imports TensorFlow Datasets.
    from training.datasets.lsun_builder import Lsun

    if category not in Lsun.builder_configs:
        near = [f"lsun:{known}" for known in near_names(category, Lsun.builder_configs)]
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(
            f"Expected a category of LSUN, one of {', '.join(Lsun.builder_configs)}, received "
            f"{category!r}.{hint}"
        )

    def make_builder(data_dir):
        return Lsun(config=category, data_dir=data_dir)

    if fit != "exact":
        image_size = image_size or IMAGE_SIZE
    data = load_builder(name, make_builder, image_size, fit, channels, data_dir)
    return dataclasses.replace(data, licence=LICENCE)
