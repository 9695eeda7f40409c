"""A fake set for the tests, slow to prepare where SECONDS_AN_EXAMPLE says so."""

import os
import time

import numpy as np
import tensorflow_datasets as tfds

NUM_EXAMPLES = 100


class SlowSet(tfds.core.GeneratorBasedBuilder):
    """A hundred images whose value is their number."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"image": tfds.features.Image(shape=(4, 6, 1), encoding_format="png")}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"test": self._generate_examples(10), "train": self._generate_examples(NUM_EXAMPLES)}

    def _generate_examples(self, num_examples):
        for number in range(num_examples):
            if number == 50 and "SECONDS_AN_EXAMPLE" in os.environ:
                print("half way", flush=True)
            time.sleep(float(os.environ.get("SECONDS_AN_EXAMPLE", "0")))
            yield number, {"image": np.full((4, 6, 1), number, np.uint8)}
