"""The examples of one split, in memory or on disk, as shuffled or ordered batches.

An example is a dict of tensors, `image` and whatever else the set has (`label`, `context`).
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

Example = dict[str, tf.Tensor]
ExampleFunction = Callable[[tf.Tensor, Example], Example]


class MemorySplit:
    """A split held in memory, shuffled globally."""

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        """Takes arrays whose rows are the examples: `image` uint8 `[N, H, W, C]` and others."""
        # Eager tensors reach `tf.data` as captured inputs, not as constants of its graph, so the
        # 2 GiB limit of a GraphDef does not apply. On the CPU: that is where pipelines run.
        with tf.device("CPU"):
            self._tensors = {key: tf.constant(array) for key, array in arrays.items()}
        self.num_examples = len(arrays["image"])

    def shuffled_batches(
        self, batch_size: int, seed: int | Sequence[int], start_step: int
    ) -> tf.data.Dataset:
        """The endless stream of `ImageDataset.train_batches`."""
        seed = _seed_pair(seed)
        num_steps = self.num_examples // batch_size

        def batches_of_epoch(epoch):
            # Not `index_shuffle`, which needs no list of indices: its permutations of a thousand
            # examples are visibly not random (correlations of 0.25 with the stored order).
            order = tf.random.experimental.stateless_shuffle(
                tf.range(self.num_examples, dtype=tf.int64), _epoch_seed(seed, epoch), alg="philox"
            )
            indices = tf.reshape(order[: num_steps * batch_size], [num_steps, batch_size])
            return tf.data.Dataset.from_tensor_slices(indices)

        indices = _endless_epochs(batches_of_epoch, num_steps, start_step)
        return indices.map(self._take, num_parallel_calls=tf.data.AUTOTUNE)

    def ordered_batches(self, batch_size: int, num_examples: int) -> tf.data.Dataset:
        """The first `num_examples` in order."""
        indices = tf.data.Dataset.range(num_examples).batch(batch_size)
        return indices.map(self._take, num_parallel_calls=tf.data.AUTOTUNE)

    def map(self, function: ExampleFunction) -> "MemorySplit":
        """The split with `function(index, example)` for each example, computed here and now."""
        examples = tf.data.Dataset.range(self.num_examples).map(
            lambda index: function(index, self._take(index)), num_parallel_calls=tf.data.AUTOTUNE
        )
        return MemorySplit(_collect(examples.batch(256), self.num_examples))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The examples in order, as arrays whose rows they are."""
        return {key: tensor.numpy() for key, tensor in self._tensors.items()}

    def _take(self, indices: tf.Tensor) -> Example:
        return {key: tf.gather(tensor, indices) for key, tensor in self._tensors.items()}


@dataclasses.dataclass(frozen=True)
class DiskSplit:
    """A split read from disk.

    Attributes:
        num_examples: How many examples it has.
        records: Opens one pass over the undecoded examples, always in the same order. They are
            shuffled and skipped undecoded, which is cheap.
        decode: Turns a record into an example with static shapes.
        record_bytes: About how much memory a record takes at most, in bytes.
        buffer_bytes: What the shuffle buffer may hold; with the above it sets its size.
    """

    num_examples: int
    records: Callable[[], tf.data.Dataset]
    decode: Callable[..., Example]
    record_bytes: int
    buffer_bytes: int = 2**28

    @functools.cached_property
    def in_memory(self) -> MemorySplit:
        """The same split, read once and held in memory from then on."""
        batches = self.ordered_batches(256, self.num_examples)
        return MemorySplit(_collect(batches, self.num_examples))

    def map(self, function: ExampleFunction) -> "DiskSplit":
        """The split with `function(index, example)` for each example, computed as it is read."""

        def decode(index: tf.Tensor, record) -> Example:
            # A record of several parts comes in one here, where before it came part by part.
            parts = record if isinstance(record, tuple) else (record,)
            return function(index, self.decode(*parts))

        return dataclasses.replace(
            self,
            records=lambda: self.records().enumerate(),
            decode=decode,
        )

    def shuffled_batches(
        self, batch_size: int, seed: int | Sequence[int], start_step: int
    ) -> tf.data.Dataset:
        """The endless stream of `ImageDataset.train_batches`.

        Shuffles within a buffer of `buffer_bytes`, and reads the records before
        `start_step` in its epoch to skip them.
        """
        seed = _seed_pair(seed)
        num_kept = self.num_examples // batch_size * batch_size
        buffer_size = max(1, min(self.num_examples, self.buffer_bytes // self.record_bytes))
        records = self.records()

        def records_of_epoch(epoch):
            # `shuffle` mixes the global seed into its own. This function is traced into a graph,
            # where `set_seed` fixes that graph's seed only, so that the order depends on `seed`
            # alone.
            tf.random.set_seed(1)
            order_seed = tf.random.stateless_uniform(
                (), _epoch_seed(seed, epoch), minval=1, maxval=2**62, dtype=tf.int64, alg="philox"
            )
            shuffled = records.shuffle(buffer_size, order_seed, reshuffle_each_iteration=False)
            return shuffled.take(num_kept)

        shuffled = _endless_epochs(records_of_epoch, num_kept, start_step * batch_size)
        examples = shuffled.map(self.decode, num_parallel_calls=tf.data.AUTOTUNE)
        return examples.batch(batch_size, drop_remainder=True)

    def ordered_batches(self, batch_size: int, num_examples: int) -> tf.data.Dataset:
        """The first `num_examples` in order."""
        examples = self.records().take(num_examples)
        examples = examples.map(self.decode, num_parallel_calls=tf.data.AUTOTUNE)
        num_batches = -(-num_examples // batch_size)
        return examples.batch(batch_size).apply(
            tf.data.experimental.assert_cardinality(num_batches)
        )


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the pipeline with TensorFlow's default of parallel calls, from start to end.

    TensorFlow would tune their number as it runs, in a thread of its own that sleeps ever longer,
    and an iterator ends only when that thread wakes up: eleven seconds later after 30 s of reading.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _collect(batches: tf.data.Dataset, num_examples: int) -> dict[str, np.ndarray]:
    """Reads one pass of batches into arrays."""
    arrays = {}
    first_row = 0
    for batch in untuned(batches).as_numpy_iterator():
        for key, rows in batch.items():
            if key not in arrays:
                arrays[key] = np.empty((num_examples, *rows.shape[1:]), rows.dtype)
            arrays[key][first_row : first_row + len(rows)] = rows
        first_row += len(batch["image"])
    return arrays


def _endless_epochs(
    one_epoch: Callable[[tf.Tensor], tf.data.Dataset], num_elements: int, start: int
) -> tf.data.Dataset:
    """Joins `one_epoch(0)`, `one_epoch(1)`, … of `num_elements` each, from element `start` on."""
    first_epoch, offset = divmod(start, num_elements)
    elements = tf.data.Dataset.counter(first_epoch).flat_map(one_epoch).skip(offset)
    endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return elements.apply(endless)


def _epoch_seed(seed: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
    """An int32[2] seed of its own for each epoch."""
    return tf.random.experimental.stateless_fold_in(seed, epoch, alg="philox")


def _seed_pair(seed: int | Sequence[int]) -> np.ndarray:
    """An int or a pair of int32 as int32[2]."""
    if np.ndim(seed) == 0:
        seed = int(seed)
        seed = [seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF]
    return np.asarray(seed, dtype=np.int64).astype(np.int32)
