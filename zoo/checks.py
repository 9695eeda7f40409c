"""Checks of arguments: each returns the value, or raises a `SettingError` that names it.

`why`, where the reason does not go without saying, follows what is expected: "must be an int of at
least 2: a coupling ...". `remedy` says what to do, in a sentence.
"""

import math
import numbers
from collections.abc import Iterable

from zoo.errors import SettingError

__all__ = [
    "PIXEL_ERROR",
    "choice",
    "image_shape",
    "integer",
    "integers",
    "is_integer",
    "is_number",
    "number",
]

# Bounds of `number` for a tolerance of reconstructions. No two images differ by more than 1.
PIXEL_ERROR = {
    "above": 0,
    "most": 1,
    "why": "a root mean squared error in pixel units, for pixels in [0, 1], such as 0.1",
}


def is_integer(value):
    """Whether a value is an int; a bool is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value):
    """Whether a value is a finite real number, an int or a float of Python or of NumPy."""
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_real and math.isfinite(value)


def integer(name, value, least=1, most=None, why="", remedy=""):
    """Checks an int of at least `least` and, if given, at most `most`."""
    if not is_integer(value) or value < least or (most is not None and value > most):
        end = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise SettingError(name, _because(f"an int {end}", why), value, remedy)
    return value


def integers(name, values, least=1, length=None, why="", remedy=""):
    """Checks ints of at least `least`, `length` of them or at least one; returns a tuple."""
    as_tuple = _as_tuple(values)
    is_right = len(as_tuple) == length if length else len(as_tuple) > 0
    if not is_right or not all(is_integer(value) and value >= least for value in as_tuple):
        expected = f"{length or 'one or more'} ints of at least {least}"
        raise SettingError(name, _because(expected, why), values, remedy)
    return as_tuple


def image_shape(name, value):
    """Checks (height, width, channels), each a positive int; returns a tuple."""
    as_tuple = _as_tuple(value)
    if len(as_tuple) != 3 or not all(is_integer(size) and size >= 1 for size in as_tuple):
        raise SettingError(name, "(height, width, channels), each a positive int", value)
    return as_tuple


def number(name, value, least=None, above=None, most=None, below=None, why="", remedy=""):
    """Checks a finite number within bounds, with `least` and `most` among the values; a float."""
    is_inside = is_number(value) and not (
        (least is not None and value < least)
        or (above is not None and value <= above)
        or (most is not None and value > most)
        or (below is not None and value >= below)
    )
    if not is_inside:
        bounds = [
            f"{words} {bound:g}"
            for words, bound in (
                ("of at least", least),
                ("above", above),
                ("of at most" if least is None and above is None else "at most", most),
                ("below", below),
            )
            if bound is not None
        ]
        expected = f"a finite number {' and '.join(bounds)}".rstrip()
        raise SettingError(name, _because(expected, why), value, remedy)
    return float(value)


def choice(name, value, choices, remedy=""):
    """Checks that a value is among the choices, which are named in the order that they have."""
    if not any(type(value) is type(one) and value == one for one in choices):
        named = ", ".join(map(repr, choices))
        raise SettingError(name, f"one of {named}", value, remedy)
    return value


def _as_tuple(values):
    is_sequence = isinstance(values, Iterable) and not isinstance(values, str)
    return tuple(values) if is_sequence else ()


def _because(expected, why):
    return f"{expected}: {why}" if why else expected
