"""Options that take a number, which is refused before TensorFlow is imported if it cannot be."""

import argparse
import contextlib

from zoo import checks

__all__ = ["SEED", "Integer", "Number"]

SEED = {"least": 0, "most": 2**31 - 1}  # Of Keras and of the data; as in `Recipe`.


class _Checked(argparse.Action):
    """Keeps what `_check(name, value, **bounds)` returns; argparse knows no bounds."""

    _read = _check = None

    def __init__(self, option_strings, dest, metavar="N", **kwargs):
        bounds = ("least", "above", "most", "why")
        self._bounds = {name: kwargs.pop(name) for name in bounds if name in kwargs}
        super().__init__(option_strings, dest, metavar=metavar, **kwargs)

    def __call__(self, parser, namespace, values, option_string=None):
        with contextlib.suppress(ValueError):  # The check says what it is not.
            values = self._read(values)
        setattr(namespace, self.dest, self._check(self.dest, values, **self._bounds))


class Integer(_Checked):
    """An int, with the bounds of `zoo.checks.integer` as arguments of `add_argument`."""

    _read = int
    _check = staticmethod(checks.integer)


class Number(_Checked):
    """A finite number, with the bounds of `zoo.checks.number` as arguments of `add_argument`."""

    _read = float
    _check = staticmethod(checks.number)
