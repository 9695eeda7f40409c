"""CIFAR-10: 60,000 photographs of 32x32 pixels in ten classes (Krizhevsky 2009)."""

import dataclasses

from training.datasets.image_dataset import ImageDataset
from training.datasets.registry import register
from training.datasets.tfds_sets import load_builder

CLASS_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
LICENCE = (
    "CIFAR-10 comes without a licence; its authors ask to cite A. Krizhevsky, *Learning Multiple "
    "Layers of Features from Tiny Images*, 2009, <https://www.cs.toronto.edu/~kriz/cifar.html>"
)
JPEG_COPIES = (
    "JPEG copies: the images of this copy of CIFAR-10 are JPEG-compressed, so likelihoods and "
    "accuracies do not compare with published ones."
)
_JPEG_START = b"\xff\xd8"


@register("cifar10")
def load_cifar10(name, image_size, fit, channels, data_dir) -> ImageDataset:
    """Loads CIFAR-10, arguments as in `load`; the last 5000 training images are validation.

    TensorFlow Datasets stores the official images as PNG. A copy that was prepared from JPEG files
    is recognised by its first image, and says so wherever it is measured.
    """
    data = load_builder(name, "cifar10", image_size, fit, channels, data_dir, num_validation=5000)
    first = next(iter(data.splits["test"].records()))
    is_jpeg = first["image"].numpy().startswith(_JPEG_START)
    caveat = JPEG_COPIES if is_jpeg else ""
    return dataclasses.replace(data, class_names=CLASS_NAMES, licence=LICENCE, caveat=caveat)
