"""What can be trained: one file a kind of model, which makes, measures and describes it."""

import importlib
import pkgutil

from training.kinds.kind import KINDS, Kind, make_model, of_class, of_model, of_recipe, register

__all__ = ["KINDS", "Kind", "make_model", "of_class", "of_model", "of_recipe", "register"]

for _module in pkgutil.iter_modules(__path__):  # Each registers what it defines.
    importlib.import_module(f"{__name__}.{_module.name}")
