"""Image data sets by name, as `tf.data` pipelines of uint8 batches.

    data = load("mnist")
    model.fit(data.train_batches(64, seed=0), steps_per_epoch=data.num_examples["train"] // 64)
    model.evaluate(data.batches("test", 100))

Every batch is a dict: `image`, uint8 `[B, H, W, C]`; `context`, uint8 images for a conditional
model, where the set has them; and `label`, int32 `[B]`, where there are labels. Images stay uint8
until they are on the device; the model turns them into floats.
"""

from training.datasets import (  # noqa: F401
    celeb_a,
    cifar10,
    compositions,
    digits,
    fashion_mnist,
    folder,
    held_out_digit,
    lsun,
    tfds_sets,
    topology,
)
from training.datasets.image_dataset import ImageDataset
from training.datasets.of_recipe import load_for
from training.datasets.registry import load, names, register
from training.datasets.splits import MemorySplit

__all__ = ["ImageDataset", "MemorySplit", "load", "load_for", "names", "register"]
