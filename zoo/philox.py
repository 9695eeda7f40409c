"""Seeds, and the integer bits that Philox makes of them: the ground of `zoo.random`."""

import random

import numpy as np
import tensorflow as tf

__all__ = [
    "SEED_STREAM",
    "as_seed",
    "batch_bits",
    "derive",
    "row_bits",
    "row_seeds",
    "uniform_from_bits",
]

SEED_STREAM = 1 << 32  # The stream of derived seeds; those of noise are numbered below it.
_PHILOX = 1  # tf.random.Algorithm.PHILOX, the one that every device and XLA implement alike.
_INT32 = np.iinfo(np.int32)


def as_seed(seed):
    """Turns a seed into an int32 tensor of shape `[2]`.

    Args:
        seed: An int, two ints, or None to draw one (from Python's generator, which
            `keras.utils.set_random_seed` sets).

    Raises:
        ValueError: The seed is not among these, or does not fit 32 bits.

    Example:
        >>> zoo.random.as_seed(7).numpy().tolist()
        [7, 0]
    """
    if seed is None:
        seed = random.randint(0, _INT32.max)
    if not isinstance(seed, tf.Tensor):
        values = np.asarray(seed)
        if values.dtype.kind not in "iu" or values.min() < _INT32.min or values.max() > _INT32.max:
            raise ValueError(
                f"A seed is an int or two ints of 32 bits each. Received: seed={seed!r}"
            )
        values = [values, 0] if values.ndim == 0 else values
        seed = tf.constant(np.asarray(values, np.int32))
    if not seed.dtype.is_integer:
        raise ValueError(f"A seed is an int or two ints. Received: a tensor of {seed.dtype.name}")
    seed = tf.stack([tf.cast(seed, tf.int32), 0]) if seed.shape.rank == 0 else seed
    if seed.shape != (2,):
        raise ValueError(f"A seed is an int or two ints, shape [2]. Received: shape {seed.shape}")
    return tf.cast(seed, tf.int32)


def row_seeds(seed, num_rows):
    """Returns the seeds (a, b + i) of a batch's rows under seed (a, b), int32 `[num_rows, 2]`.

    Example:
        >>> zoo.random.row_seeds((7, 10), 3).numpy().tolist()
        [[7, 10], [7, 11], [7, 12]]
    """
    first, second = tf.unstack(as_seed(seed))
    rows = second + tf.range(num_rows, dtype=tf.int32)
    return tf.stack([tf.broadcast_to(first, tf.shape(rows)), rows], axis=1)


def derive(seed, tag):
    """Makes a seed, int32 `[2]` or one a row `[N, 2]`, unrelated to that of any other tag (int).

    Example:
        >>> seed = zoo.random.as_seed(7)
        >>> of_data, of_latents = zoo.random.derive(seed, 0), zoo.random.derive(seed, 1)
    """
    if seed.shape.rank == 2:
        return row_bits(seed, 2, SEED_STREAM, tag)
    return batch_bits(seed, [2], SEED_STREAM, tag)


def batch_bits(seed, shape, stream, position=0):
    """Draws int32 bits from Philox, keyed by the seed, its counter set to (position, stream).

    Args:
        seed: int32 `[2]`.
        shape: Of the bits.
        stream: Number of the stream, an int or an int tensor.
        position: Place in the stream, likewise.
    """
    key = tf.reshape(tf.bitcast(seed, tf.uint64), [1])
    # Derived seeds take 2 of the 4 numbers at a position, so positions never overlap.
    counter = tf.bitcast(tf.stack([_as_counter(position), _as_counter(stream)]), tf.uint64)
    return tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=shape, key=key, counter=counter, alg=_PHILOX, dtype=tf.int32
    )


def row_bits(seeds, size, stream, position=0):
    """Draws int32 bits `[N, size]`, a row from each seed, int32 `[N, 2]`; else as `batch_bits`."""
    return _row_bits(seeds, size, _as_counter(stream), _as_counter(position))


@tf.function(autograph=False, reduce_retracing=True)
def _row_bits(seeds, size, stream, position):
    # One compiled loop: eager rows would cost more than their numbers, and TensorFlow's
    # `vectorized_map` traces anew (and warns) at each call.
    spec = tf.TensorSpec([size], tf.int32)
    return tf.map_fn(
        lambda seed: batch_bits(seed, [size], stream, position), seeds, fn_output_signature=spec
    )


def _as_counter(value):
    return tf.cast(value, tf.int64)


def uniform_from_bits(bits):
    """Maps int32 bits to the middles of 2^23 equal cells: exact in float32, never 0 or 1."""
    cell = tf.cast(tf.bitwise.right_shift(tf.bitcast(bits, tf.uint32), np.uint32(9)), tf.int32)
    return (tf.cast(cell, tf.float32) + 0.5) * 2.0**-23
