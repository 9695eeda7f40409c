"""Shared codebooks: rows of standard normal numbers that sender and receiver both can make."""

import functools
import statistics

import numpy as np

__all__ = ["rows_of_book"]

# Part of the format: another key is another codec.
_KEY = 0x5641_455A_4F4F  # "VAEZOO"
_VALUE_BITS = 12
_VALUES_A_COUNTER = 16  # Philox 4x64 makes 256 bits a counter, here sixteen pieces of 16.


def rows_of_book(block, first, num_rows, size):
    """Returns rows of a block's codebook, standard normal float32 `[num_rows, size]`.

    Row n is made of the counters from n * ceil(size / 16) on, so it can be made by itself, and a
    book is endless. Each value is the quantile of 12 bits: a table look-up, so that no machine
    rounds it otherwise.

    Args:
        block: Number of the block, an int from 0.
        first: Number of the first row.
        num_rows: How many rows.
        size: Numbers in a row.
    """
    counters = -(-size // _VALUES_A_COUNTER)
    generator = np.random.Philox(key=np.array([_KEY, block], np.uint64))
    generator.advance(int(first) * counters)
    words = generator.random_raw(num_rows * counters * 4).astype("<u8")
    pieces = words.view("<u2").reshape(num_rows, counters * _VALUES_A_COUNTER)[:, :size]
    return _quantiles()[pieces >> (16 - _VALUE_BITS)]


@functools.cache
def _quantiles():
    """The middles of 4096 equally likely cells of the standard normal distribution, float32."""
    normal = statistics.NormalDist()
    cells = 2**_VALUE_BITS
    return np.array([normal.inv_cdf((cell + 0.5) / cells) for cell in range(cells)], np.float32)
