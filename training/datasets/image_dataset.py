"""`ImageDataset`: what a data set offers to training, evaluation and figures."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from training.datasets import memory
from training.datasets.dequantization import dequantize
from training.datasets.splits import DiskSplit, Example, MemorySplit, untuned
from zoo import checks


@dataclasses.dataclass(frozen=True)
class ImageDataset:
    """A data set of images of one shape, in splits.

    Attributes:
        name: The name it was loaded by.
        image_shape: (height, width, channels).
        num_classes: The number of classes of `label`, or None where there are no labels.
        description: One or two sentences for people.
        splits: The data of each split; pipelines come from the methods below.
        context_shape: (height, width, channels) of `context`, the images that a conditional model
            is given, or None where there are none.
        channels_are_images: Whether each channel is a grey image of its own, to be shown beside
            the others, as in the pairs of `mnist_sum_hard`.
        dequantization_seed: Seed of the noise that spreads each level of a pixel over its cell,
            which makes `image` float32; None for the levels themselves, uint8.
        class_names: What the labels are called, by their number; empty where that is all.
        licence: Under which licence the data are, and whom to cite: Markdown, without a full stop.
        caveat: What to know before its measures are compared with others', in whole sentences.
        version: A text that changes with the images or their order; None where nothing tells.
    """

    name: str
    image_shape: tuple[int, int, int]
    num_classes: int | None
    description: str
    splits: Mapping[str, DiskSplit | MemorySplit] = dataclasses.field(repr=False)
    context_shape: tuple[int, int, int] | None = None
    channels_are_images: bool = False
    dequantization_seed: int | None = None
    class_names: tuple[str, ...] = ()
    licence: str = ""
    caveat: str = ""
    version: str | None = None

    def label_text(self, label: int) -> str:
        """What a label is called, such as "cat" or "3"."""
        return self.class_names[label] if self.class_names else str(label)

    @property
    def num_examples(self) -> dict[str, int]:
        """The number of images of each split."""
        return {name: split.num_examples for name, split in self.splits.items()}

    @property
    def is_in_memory(self) -> bool:
        """Whether the set is small enough to be held in memory: see `training.datasets.memory`."""
        return memory.is_held(sum(self.num_examples.values()), self.image_shape)

    @property
    def levels(self) -> "ImageDataset":
        """This data set with the 256 levels of its pixels, for measures that are about them."""
        return dataclasses.replace(self, dequantization_seed=None)

    def train_batches(
        self, batch_size: int, seed: int | Sequence[int], start_step: int = 0
    ) -> tf.data.Dataset:
        """An endless stream of shuffled batches of the "train" split.

        Batch k depends on `seed` and k alone: a run that stopped after k batches continues with
        `start_step=k` exactly where it was. Each epoch visits every image once in an order of its
        own, except the last `num_examples % batch_size` of that order, which are left out so that
        every batch is full.

        Args:
            batch_size: Images a batch.
            seed: An int or a pair of int32.
            start_step: The number k of the first batch.

        Returns:
            A dataset of dicts: `image`, uint8 `[batch_size, H, W, C]`; `context`, uint8
            `[batch_size, *context_shape]`, where there is one; and `label`, int32 `[batch_size]`,
            where there are labels.

        Raises:
            ValueError: If `batch_size` is not between 1 and the number of training images, or
                `start_step` is negative.
        """
        remedy = f"{self.name} has no more training images."
        checks.integer("batch_size", batch_size, most=self.num_examples["train"], remedy=remedy)
        checks.integer("start_step", start_step, least=0, why="the batches already seen")
        batches = self._split("train").shuffled_batches(batch_size, seed, start_step)
        return _finish(self._dequantize(batches, "train", start_step))

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> tf.data.Dataset:
        """One pass over a split in its stored order; the last batch may be smaller.

        Args:
            split: "train", "validation" or "test".
            batch_size: Images a batch.
            limit: Take only this many images, the first ones.

        Returns:
            A dataset of dicts as `train_batches` gives, of known length.

        Raises:
            ValueError: If there is no such split, or a number is below 1.
        """
        data = self._split(split)
        checks.integer("batch_size", batch_size)
        limit = data.num_examples if limit is None else checks.integer("limit", limit)
        num_examples = min(limit, data.num_examples)
        return _finish(self._dequantize(data.ordered_batches(batch_size, num_examples), split))

    def sample_examples(
        self, split: str, num: int, seed: int | Sequence[int]
    ) -> dict[str, np.ndarray]:
        """Different examples drawn at random from a split.

        Returns:
            What a batch has, as arrays, `image` always as uint8 `[num, H, W, C]`: the same for the
            same seed. The examples of a set too large for memory come from the start of its
            storage (its first shuffle buffer).

        Raises:
            ValueError: If there is no such split, or it has fewer than `num` images.
        """
        data = self._split(split)
        remedy = f"The {split} split of {self.name} has no more images."
        checks.integer("num", num, most=data.num_examples, remedy=remedy)
        examples = next(iter(data.shuffled_batches(num, seed, 0)))
        return {key: values.numpy() for key, values in examples.items()}

    def sample_images(self, split: str, num: int, seed: int | Sequence[int]) -> np.ndarray:
        """The images alone of `sample_examples`."""
        return self.sample_examples(split, num, seed)["image"]

    def arrays(self, split: str) -> dict[str, np.ndarray]:
        """A whole split, read into memory: `image` uint8 `[N, H, W, C]`, and what else it has.

        Raises:
            ValueError: If there is no such split.
        """
        data = self._split(split)
        return data.in_memory.arrays if isinstance(data, DiskSplit) else data.arrays

    def _dequantize(
        self, batches: tf.data.Dataset, split: str, first_batch: int = 0
    ) -> tf.data.Dataset:
        """Spreads the levels of the pixels, if that was asked for."""
        seed = self.dequantization_seed
        if seed is None:
            return batches

        def spread(number: tf.Tensor, batch: Example) -> Example:
            return {**batch, "image": dequantize(batch["image"], seed, split, number)}

        return batches.enumerate(first_batch).map(spread, num_parallel_calls=tf.data.AUTOTUNE)

    def _split(self, name: str) -> DiskSplit | MemorySplit:
        """The named split, in memory if the whole set fits."""
        split = self.splits[checks.choice("split", name, self.splits)]
        return split.in_memory if self.is_in_memory and isinstance(split, DiskSplit) else split


def _finish(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Adds what every pipeline needs: a fixed order, sharding by rows, prefetching."""
    options = tf.data.Options()
    options.deterministic = True
    # Each worker of a tf.distribute strategy reads the global batch and keeps its own part:
    # our files are neither batches nor evenly sized, so they cannot be dealt out instead.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return untuned(dataset.prefetch(tf.data.AUTOTUNE)).with_options(options)
