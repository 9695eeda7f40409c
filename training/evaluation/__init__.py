"""Measures of trained models, one file a measure.

A measure is a module with

- `DESCRIPTION`, a few words, for `vae-zoo evaluate --help`;
- `measure(model, data)`, which returns a dict of numbers, or of a text that says why there is none;
- `NEEDS`, a tuple of what a model must have, of "latents", "chain" and "context"; ("latents",) if
  there is none;
- `TAKES_CONTEXT`, whether conditional models can be measured; otherwise only if it needs context;
- `check(model, data)`, if there is more to refuse, which raises UsageError.

`vae-zoo evaluate --measure NAME` calls it by the name of its file, and so it does a module of this
form that `--import` names.
"""

import ast
import importlib
import pathlib

from training.recipes import imports
from zoo.errors import UsageError
from zoo.names import UnknownName

__all__ = ["DESCRIPTIONS", "check", "describe", "measure"]


def _describe_file(path):
    """Returns the DESCRIPTION in a file, None without one; importing it would take seconds."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "DESCRIPTION":
            return ast.literal_eval(node.value)
    return None


_FILES = sorted(pathlib.Path(__file__).parent.glob("[a-z]*.py"))
DESCRIPTIONS = {path.stem: text for path in _FILES if (text := _describe_file(path))}


def measure(name, model, data):
    """Measures a model on a data set's test split by the measure of that name."""
    return _find(name).measure(model, data)


def describe(name):
    """Returns the few words about the measure of that name."""
    return _find(name).DESCRIPTION


def check(name, model, data):
    """Raises UsageError if there is no such measure, or it is not about such a model and data."""
    module = _find(name)
    if fault := _fault(module, model):
        raise UsageError(
            f"{name} cannot measure this {type(model).__name__}: {fault}. Choose another "
            "measure; `vae-zoo evaluate --help` lists them."
        )
    if hasattr(module, "check"):
        module.check(model, data)


def _fault(module, model):
    """Says what a measure needs of a model and this one lacks, or returns None."""
    needs, has_context = getattr(module, "NEEDS", ("latents",)), model.context_shape is not None
    if has_context and not ("context" in needs or getattr(module, "TAKES_CONTEXT", False)):
        return "it takes no models with context"
    if not has_context and "context" in needs:
        return "it takes models with context alone"
    if "latents" in needs and not hasattr(model, "log_posterior"):
        return "it measures latents, and there are none"
    if "chain" in needs and not model.has_chain:
        return "it measures models that draw images in steps"
    return None


def _find(name):
    if name in DESCRIPTIONS:
        return importlib.import_module(f"{__name__}.{name}")
    others = {n: m for n, m in imports.MODULES.items() if hasattr(m, "measure")}
    if name not in others:
        raise UnknownName("measure", name, [*DESCRIPTIONS, *others])
    return others[name]
