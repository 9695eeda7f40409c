"""How large a data set may be that is held in memory: a setting, for machines differ."""

import os
from collections.abc import Sequence

import numpy as np

from zoo.errors import UsageError

__all__ = ["VARIABLE", "is_held"]

VARIABLE = "VAE_ZOO_DATA_MEMORY"
_DEFAULT_MIB = 1024.0  # Little beside what training itself takes.


def is_held(num_images: int, image_shape: Sequence[int]) -> bool:
    """Whether a set is decoded once and held in memory, where it shuffles globally.

    It is if it takes less than the environment variable `VAE_ZOO_DATA_MEMORY` says, in MiB; others
    are read from disk in each epoch.

    Args:
        num_images: Of all splits together.
        image_shape: (height, width, channels), a byte each.

    Raises:
        UsageError: The variable is no such number.
    """
    return num_images * int(np.prod(image_shape)) < _limit_mib() * 2**20


def _limit_mib() -> float:
    text = os.environ.get(VARIABLE)
    if text is None:
        return _DEFAULT_MIB
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not limit >= 0.0:
        raise UsageError(
            f"Expected {VARIABLE} to be a number of MiB of at least 0, received {text!r}; correct "
            f"or unset it ({_DEFAULT_MIB:g})."
        )
    return limit
