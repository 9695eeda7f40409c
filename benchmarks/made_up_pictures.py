"""Stands in for CelebA and LSUN, which must be fetched by hand: JPEG pictures of their sizes.

They are prepared by TensorFlow Datasets and read from disk by the loading code of the real sets;
only what the pictures show is made up.
"""

import io
import os

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from training.datasets import celeb_a, lsun, memory
from training.datasets.tfds_sets import load_builder

NUM_PICTURES = 4000
SIZES = {"celeb_a": (218, 178), "lsun": (256, 341)}  # (height, width) of the stored pictures


class Pictures(tfds.core.GeneratorBasedBuilder):
    """Colour pictures with edges and grain, as JPEG of about a photograph's size in bytes."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in SIZES]

    def _info(self):
        shape = (*SIZES[self.builder_config.name], 3)
        image = tfds.features.Image(shape=shape, encoding_format="jpeg")
        features = tfds.features.FeaturesDict({"image": image})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(*SIZES[self.builder_config.name])}

    def _generate_examples(self, height, width):
        for number in range(NUM_PICTURES):
            generator = np.random.default_rng(number)
            coarse = generator.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            picture = np.asarray(Image.fromarray(coarse).resize((width, height)), np.int16)
            picture = picture + generator.integers(-8, 9, picture.shape)
            encoded = io.BytesIO()
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(encoded, "JPEG", quality=90)
            yield number, {"image": encoded.getvalue()}


def load(name, folder):
    """Prepares made-up pictures in a folder; gives them as the real set is given, from disk.

    Args:
        name: "celeb_a" or "lsun".
        folder: An empty folder.

    Returns:
        The `ImageDataset`, 64x64 pixels.
    """
    os.environ[memory.VARIABLE] = "0"  # As if it were as large as the real one.

    def make_builder(data_dir):
        return Pictures(config=name, data_dir=data_dir)

    if name == "celeb_a":
        size, window = celeb_a.IMAGE_SIZE, celeb_a.WINDOW
        return load_builder(name, make_builder, size, "crop", None, folder, window=window)
    return load_builder(name, make_builder, lsun.IMAGE_SIZE, "crop", None, folder)
