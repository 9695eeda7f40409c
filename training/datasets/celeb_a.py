"""CelebA: 202,599 aligned photographs of faces (Liu et al. 2015)."""

import dataclasses

from training.datasets.image_dataset import ImageDataset
from training.datasets.registry import register
from training.datasets.tfds_sets import load_builder

IMAGE_SIZE = (64, 64)
LICENCE = (
    "CelebA is for non-commercial research only; cite Z. Liu, P. Luo, X. Wang and X. Tang, *Deep "
    "Learning Face Attributes in the Wild*, 2015, "
    "<https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html>"
)
WINDOW = (55, 35, 108, 108)  # Top, left, height and width: the centre of the 218x178 pixels.


@register("celeb_a")
def load_celeb_a(name, image_size, fit, channels, data_dir) -> ImageDataset:
    """Loads CelebA through TensorFlow Datasets, 64x64 pixels by default; arguments as in `load`.

    The splits are the official ones: 162,770 training, 19,867 validation and 19,962 test images.
    The authors of the sequential VAE trained on the first 80% of the sorted files and tested on the
    others; those are the official training images without the last 691.

    "crop" takes the centred 108x108 pixels, which hold the face, and brings the largest centred
    window of them to `image_size`: what the papers do. "resize" stretches the whole picture,
    "exact" takes it as it is, 218x178 pixels.
    """
    if fit != "exact":
        image_size = image_size or IMAGE_SIZE
    window = WINDOW if fit == "crop" else None
    data = load_builder(name, "celeb_a", image_size, fit, channels, data_dir, window=window)
    return dataclasses.replace(data, licence=LICENCE)
