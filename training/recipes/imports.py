"""Modules of other authors, whose classes, data sets and measures a run or a command uses.

A module registers classes (`zoo.registry`) and data sets (`training.datasets.register`) when it is
imported, and is itself a measure if it has the form of those in `training.evaluation`.
"""

import importlib
import importlib.util
import pathlib
import sys

from zoo.errors import UsageError

__all__ = ["MODULES", "import_all", "resolve"]

MODULES = {}  # What was imported, by the name that is left of its dotted one or of its file.


def resolve(name):
    """Returns what a recipe keeps of a module: its name, or its file's path, which is absolute."""
    return str(pathlib.Path(name).expanduser().resolve()) if name.endswith(".py") else name


def import_all(names):
    """Imports modules, each by its name or by the path of a .py file.

    Raises:
        UsageError: There is no such module, or it cannot be imported.
    """
    for name in names:
        try:
            is_file = name.endswith(".py")
            module = _import_file(resolve(name)) if is_file else importlib.import_module(name)
        except UsageError:
            raise
        except Exception as error:  # Whatever the module does.
            raise UsageError(
                f"--import {name} failed: {type(error).__name__}: {error}. Name a module that "
                "Python finds, or the path of a .py file."
            ) from error
        MODULES[module.__name__.rpartition(".")[2]] = module


def _import_file(path):
    """Imports a file under its own name, once; that is then its module's, in saved models too."""
    name = pathlib.Path(path).stem
    before = sys.modules.get(name)
    if before is not None and getattr(before, "__file__", None) == path:
        return before
    if before is not None or importlib.util.find_spec(name) is not None:
        raise UsageError(
            f"--import {path} has the name of an installed module, {name}. Rename the file."
        )
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
