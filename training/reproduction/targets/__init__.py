"""The targets by name, in the order of the papers; each is `TARGET` of a file here."""

import importlib

from training.reproduction import NAMES

__all__ = ["TARGETS"]


def _find(name):
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}").TARGET


TARGETS = {name: _find(name) for name in NAMES}
