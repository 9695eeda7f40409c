"""Binary pixels, for a Bernoulli likelihood."""

import dataclasses

import tensorflow as tf

from training.datasets.dequantization import split_seed
from training.datasets.image_dataset import ImageDataset
from training.datasets.splits import DiskSplit, Example, MemorySplit

BINARIZATIONS = ("static", "threshold")


def binarize(data: ImageDataset, how: str, seed: int) -> ImageDataset:
    """Makes every pixel 0 or 255, once and for all; contexts stay as they are.

    Args:
        data: The data set.
        how: "static" draws white with the pixel's value as the probability, always the same for
            an example of a split (Salakhutdinov & Murray 2008); "threshold" makes values of 128
            and more white.
        seed: Of the draws.

    Returns:
        The binary data set.
    """

    def binarize_split(name: str, split: DiskSplit | MemorySplit) -> DiskSplit | MemorySplit:
        def apply(index: tf.Tensor, example: Example) -> Example:
            image = example["image"]
            if how == "threshold":
                is_white = image >= 128
            else:
                uniform = tf.random.stateless_uniform(
                    image.shape, split_seed(seed, name, index), alg="philox"
                )
                is_white = 255.0 * uniform < tf.cast(image, tf.float32)
            return {**example, "image": tf.cast(is_white, tf.uint8) * 255}

        return split.map(apply)

    return dataclasses.replace(
        data,
        description=f"{data.description} Pixels are 0 or 255 ({how} binarisation).",
        splits={name: binarize_split(name, split) for name, split in data.splits.items()},
    )
