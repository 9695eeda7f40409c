"""All noise of the zoo: the same seed gives the same numbers wherever and however a model runs.

TensorFlow's, TFP's and Keras's float samplers give unrelated numbers with and without XLA; only
raw integer bits agree. So every normal number here is made from Philox bits by one conversion,
exact up to rounding. A seed is an int or two int32. Row i of a batch under seed (a, b) has the row
seed (a, b + i), an int s means (s, 0), and a row's noise depends on its row seed alone: a client
of a served model can ask for any row of `model.sample(n, seed=s)` by itself.
"""

import numpy as np
import tensorflow as tf

from zoo.philox import (
    SEED_STREAM,
    as_seed,
    batch_bits,
    derive,
    row_bits,
    row_seeds,
    uniform_from_bits,
)

__all__ = [
    "BatchNoise",
    "GivenNoise",
    "MeanNoise",
    "Noise",
    "RowNoise",
    "StepNoise",
    "as_seed",
    "derive",
    "row_seeds",
]

_FOLD = -1  # Tag of the seed that a step's folded noise is derived from.


class Noise:
    """Numbered streams of random numbers, each of which can be drawn once.

    Normal and uniform numbers are made of the same bits, so a second draw of either would repeat
    the first: it is refused. So is a draw inside a loop, a branch or a function of TensorFlow that
    the noise was made outside of, for a body that is traced once runs many times: fold the noise
    there. A stream's numbers do not depend on which others are drawn, or in what order.

    Example:
        >>> noise = zoo.random.RowNoise(zoo.random.row_seeds(7, 4))  # One kind of noise.
        >>> noise.normal([28, 28, 1])      # float32 [4, 28, 28, 1]
        >>> noise.uniform([3], stream=1)   # float32 [4, 3]; stream 0 was drawn
        >>> noise.fold(5).normal([16])     # float32 [4, 16], unrelated to both
    """

    def __init__(self):
        self._drawn = set()
        self._graph = _graph()

    def normal(self, row_shape, stream=0):
        """Draws standard normal numbers, float32 `[num_rows, *row_shape]`, at most 5.3 in size.

        Args:
            row_shape: Shape of what each row of the batch gets.
            stream: Number of the stream, an int from 0 that no other draw of this noise names.

        Raises:
            RuntimeError: The stream was drawn before, or the noise was made outside of the function
                or loop that draws.
        """
        return tf.math.ndtri(self.uniform(row_shape, stream))

    def uniform(self, row_shape, stream=0):
        """Draws numbers uniform in (0, 1), float32 `[num_rows, *row_shape]`; else as `normal`."""
        self._claim(stream)
        return self._uniform(row_shape, stream)

    def fold(self, tag):
        """Returns noise unrelated to this one, for the tag-th repetition of a computation.

        Args:
            tag: An int or, as in a loop, an int tensor; no two may be equal.
        """
        raise NotImplementedError

    def _uniform(self, row_shape, stream):
        raise NotImplementedError

    def _claim(self, stream):
        if not isinstance(stream, int) or not 0 <= stream < SEED_STREAM:
            raise ValueError(f"stream must be an int from 0. Received: stream={stream!r}")
        kind = type(self).__name__
        if self._graph is not _graph():
            raise RuntimeError(
                f"This {kind} was made outside of the loop or function that draws its stream "
                f"{stream}: each run of that would get the same numbers. Draw from "
                "noise.fold(index) there, or make the noise there from seeds."
            )
        if stream in self._drawn:
            raise RuntimeError(
                f"Stream {stream} of this {kind} was drawn before: its numbers would come again. "
                f"Number this draw otherwise, as in stream={max(self._drawn) + 1}, or draw from "
                "noise.fold(index)."
            )
        self._drawn.add(stream)


class RowNoise(Noise):
    """Noise in which each row of the batch has streams of its own: what inference uses.

    Args:
        seeds: Row seeds, int32 `[N, 2]`.

    Example:
        >>> rows = zoo.random.RowNoise(zoo.random.row_seeds((7, 0), 100)).normal([16])
        >>> zoo.random.RowNoise(zoo.random.row_seeds((7, 60), 40)).normal([16])  # rows[60:]
    """

    def __init__(self, seeds):
        super().__init__()
        self.seeds = seeds

    def fold(self, tag):  # noqa: D102
        return RowNoise(derive(self.seeds, tag))

    def _uniform(self, row_shape, stream):
        bits = row_bits(self.seeds, int(np.prod(row_shape)), stream)
        return tf.reshape(uniform_from_bits(bits), [-1, *row_shape])


class BatchNoise(Noise):
    """Noise of rows that belong together, drawn in one operation: much faster, but of no own seeds.

    Args:
        seed: int32 `[2]`.
        num_rows: Rows of the batch.

    Example:
        >>> noise = zoo.random.BatchNoise(zoo.random.as_seed(7), num_rows=100)
        >>> noise.normal([16])  # float32 [100, 16]
    """

    def __init__(self, seed, num_rows):
        super().__init__()
        self.seed = seed
        self.num_rows = num_rows

    def fold(self, tag):  # noqa: D102
        # By a tag between, since who makes a step's noise derives other seeds from the same one.
        return type(self)(derive(derive(self.seed, _FOLD), tag), self.num_rows)

    def _uniform(self, row_shape, stream):
        return uniform_from_bits(batch_bits(self.seed, [self.num_rows, *row_shape], stream))


class StepNoise(BatchNoise):
    """Noise of a training or evaluation step, drawn for the global batch in one operation.

    Every replica draws all of it and takes its own rows, so that one replica and many see the same
    noise; this asks for replicas with equally many rows.

    Args:
        seed: int32 `[2]`.
        num_rows: Rows of this replica's batch.

    Example:
        >>> noise = zoo.random.StepNoise(zoo.random.as_seed(7), num_rows=100)
        >>> noise.stratified()  # float32 [100], one in each hundredth of (0, 1)
    """

    def stratified(self, stream=0):
        """Draws numbers uniform in (0, 1), float32 `[num_rows]`, spread evenly over the batch.

        Of the global batch's B rows, in random order, each has a B-th of (0, 1) to itself.
        """
        self._claim(stream)
        num_rows = self._num_replicas() * self.num_rows
        order, place = tf.unstack(uniform_from_bits(batch_bits(self.seed, [2, num_rows], stream)))
        rank = tf.argsort(tf.argsort(order, stable=True), stable=True)
        return self._own_rows((tf.cast(rank, tf.float32) + place) / tf.cast(num_rows, tf.float32))

    def _uniform(self, row_shape, stream):
        bits = batch_bits(self.seed, [self._num_replicas() * self.num_rows, *row_shape], stream)
        return uniform_from_bits(self._own_rows(bits))

    @staticmethod
    def _num_replicas():
        return tf.distribute.get_replica_context().num_replicas_in_sync

    def _own_rows(self, values):
        if self._num_replicas() == 1:
            return values
        own = tf.distribute.get_replica_context().replica_id_in_sync_group
        return values[own * self.num_rows : (own + 1) * self.num_rows]


class MeanNoise(Noise):
    """No noise: latents at their posterior means (a flow: at base noise 0).

    Every normal number is 0 and every uniform one the median, 0.5.

    Args:
        num_rows: Rows of the batch.

    Example:
        >>> noise = zoo.random.MeanNoise(num_rows=len(images))
        >>> model.infer(images, seed=noise)  # as with seed=None
    """

    def __init__(self, num_rows):
        super().__init__()
        self.num_rows = num_rows

    def fold(self, tag):  # noqa: D102
        return MeanNoise(self.num_rows)

    def _uniform(self, row_shape, stream):
        return tf.fill([self.num_rows, *row_shape], 0.5)


class GivenNoise(Noise):
    """Normal numbers that were drawn elsewhere, each stream once.

    Args:
        numbers: A tuple of float32 tensors `[num_rows, ...]`, one a stream.

    Example:
        >>> noise = zoo.random.GivenNoise((tf.ones([4, 16]),))
        >>> noise.normal([16])  # the ones, [4, 16]
    """

    def __init__(self, numbers):
        super().__init__()
        self._numbers = numbers

    def normal(self, row_shape, stream=0):
        """Returns the numbers of a stream, `[num_rows, *row_shape]`."""
        self._claim(stream)
        return tf.ensure_shape(self._numbers[stream], [None, *row_shape])


def _graph():
    """The graph that operations are added to now, None outside of any."""
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
