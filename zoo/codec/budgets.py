"""How many bytes are tried for a code: budgets that grow until it is within the tolerance."""

import itertools

import numpy as np

__all__ = ["MORE_BYTES", "MOST_BYTES", "sizes_of", "tries"]

MOST_BYTES = 255  # The first byte of a code counts the others; 0 stands for a PNG file.
MORE_BYTES = 8
# Of these budgets those from 0.6 to 4 times an image's rate are tried, and 8 bytes more.
_BUDGETS = [*range(1, 32), *range(32, 64, 2), *range(64, 128, 4), *range(128, 255, 8), 255]
_LEAST_SHARE, _MOST_SHARE = 0.6, 4


def sizes_of(layout, most_bytes):
    """Returns the budgets up to `most_bytes`, or to where a larger one has no more bits to use."""
    found, most_bits = [], 0
    for size in _BUDGETS:
        bits = sum(block.bits for block in layout.blocks(size))
        if size > most_bytes or bits == most_bits:
            break
        found.append(size)
        most_bits = bits
    return found


def tries(rates, sizes):
    """Yields each budget in bytes, growing, and the indices of the images to be tried with it.

    Args:
        rates: Of the images in nats, float64 `[N]`; what is not finite counts as 0 or as the most.
        sizes: The budgets, growing.
    """
    rates = np.clip(np.nan_to_num(rates) / np.log(2.0) / 8.0, 0.0, MOST_BYTES)
    first = np.minimum(_LEAST_SHARE * rates, sizes[-1])
    last = np.minimum(_MOST_SHARE * rates + MORE_BYTES, sizes[-1])
    for before, num_bytes in itertools.pairwise([0, *sizes]):
        is_first = (before < first) & (first <= num_bytes)
        is_later = (first <= num_bytes) & (num_bytes <= last)
        yield num_bytes, np.flatnonzero(is_first | is_later)
