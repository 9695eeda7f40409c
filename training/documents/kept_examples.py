"""A few examples of a data set in a file, enough to draw them again without the data set."""

import json

import numpy as np

from training.datasets.image_dataset import ImageDataset

__all__ = ["KeptExamples", "keep"]

_NUM, _SEED = 10, 0


def keep(data, path):
    """Writes examples of each split of an `ImageDataset` into an NPZ file.

    Args:
        data: The data set.
        path: The file.
    """
    facts = {
        "name": data.name,
        "image_shape": data.image_shape,
        "context_shape": data.context_shape,
        "num_classes": data.num_classes,
        "class_names": data.class_names,
        "num_examples": data.num_examples,
        "channels_are_images": data.channels_are_images,
    }
    arrays = {
        f"{split}_{part}": values
        for split, count in data.num_examples.items()
        for part, values in data.sample_examples(split, min(_NUM, count), _SEED).items()
    }
    np.savez_compressed(path, facts=json.dumps(facts), **arrays)


class KeptExamples:
    """What `figures.save_examples` asks of an `ImageDataset`, from a file that `keep` wrote.

    Args:
        path: The NPZ file.
    """

    def __init__(self, path):
        with np.load(path) as archive:
            arrays = dict(archive)
        vars(self).update(json.loads(str(arrays.pop("facts"))))
        self._arrays = arrays

    label_text = ImageDataset.label_text

    def sample_examples(self, split, num, seed=_SEED):
        """Returns the examples that are kept of a split, `num` at most; of no other seed."""
        if seed != _SEED:
            raise ValueError(f"Only the examples of seed {_SEED} are kept. Received: {seed}")
        prefix = f"{split}_"
        return {
            name.removeprefix(prefix): values[:num]
            for name, values in self._arrays.items()
            if name.startswith(prefix)
        }
