"""Fashion-MNIST: 70,000 grey pictures of clothes, 28x28 pixels, ten classes (Xiao et al. 2017)."""

import dataclasses

from training.datasets.image_dataset import ImageDataset
from training.datasets.registry import register
from training.datasets.tfds_sets import load_builder

LICENCE = (
    "Fashion-MNIST, copyright Zalando SE, [MIT](https://opensource.org/license/mit); cite H. Xiao, "
    "K. Rasul and R. Vollgraf, *Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine "
    "Learning Algorithms*, 2017, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747)"
)


@register("fashion_mnist")
def load_fashion_mnist(name, image_size, fit, channels, data_dir) -> ImageDataset:
    """Loads Fashion-MNIST, arguments as in `load`; the last 5000 training images are validation."""
    data = load_builder(name, name, image_size, fit, channels, data_dir, num_validation=5000)
    return dataclasses.replace(data, licence=LICENCE)
