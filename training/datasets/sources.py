"""Which source images each example of a composed set is made of.

Each function takes the labels of a base's split, int `[M]`, and a seed, and gives the table of
sources: int64 `[N, columns]`, the places of an example's images in that split.
"""

import numpy as np

NUM_DIGITS = 10
NUM_MICRO_IMAGES = 7


def choose_three(labels: np.ndarray, seed: int) -> np.ndarray:
    """Any three images; each image serves once in each column."""
    num = len(labels)
    return np.stack([np.arange(num), _shuffled(num, seed, 0), _shuffled(num, seed, 1)], axis=1)


def choose_sum(labels: np.ndarray, seed: int) -> np.ndarray:
    """Any two images, and one whose class is the last digit of the sum of theirs."""
    first, second, order = choose_three(labels, seed).T
    wanted = (labels[first] + labels[second]) % NUM_DIGITS
    third = np.empty_like(first)
    for digit in range(NUM_DIGITS):
        members = order[labels[order] == digit]
        places = np.flatnonzero(wanted == digit)
        third[places] = np.resize(members, len(places))  # in turn, and again from the first
    return np.stack([first, second, third], axis=1)


def choose_rotation(labels: np.ndarray, seed: int) -> np.ndarray:
    """Any two images, and another one of the first one's class."""
    first, second, order = choose_three(labels, seed).T
    third = np.empty_like(first)
    for digit in range(NUM_DIGITS):
        members = order[labels[order] == digit]
        third[members] = np.roll(members, 1)  # never itself, and each image once
    return np.stack([first, second, third], axis=1)


def choose_micro(labels: np.ndarray, seed: int) -> np.ndarray:
    """The first image of each of the digits 0 to 6, whatever the seed."""
    return np.array([[np.flatnonzero(labels == digit)[0]] for digit in range(NUM_MICRO_IMAGES)])


def _shuffled(num: int, seed: int, stream: int) -> np.ndarray:
    """A random order of `num` things, another one for each stream.

    Raw bits and a stable sort, because NumPy promises to keep the bits of Philox from version to
    version, but not its permutations.
    """
    bits = np.random.Philox(key=[seed % 2**64, stream]).random_raw(num)
    return np.argsort(bits, kind="stable")
