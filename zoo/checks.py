"""Checks of arguments that many constructors share."""

import math
import numbers

__all__ = ["is_number"]


def is_number(value):
    """Whether a value is a finite number, Python's or NumPy's; a bool is none."""
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_real and math.isfinite(value)
