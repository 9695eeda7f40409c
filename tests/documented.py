"""Whether the Python that documents and docstrings give names what exists, with what it takes."""

import ast
import functools
import inspect

import keras
import tensorflow as tf

import zoo
from training import datasets

__all__ = ["IMPORTED", "InstanceOf", "check_call", "resolve"]

IMPORTED = {"zoo": zoo, "keras": keras, "tf": tf, "datasets": datasets}


class InstanceOf:
    """Stands for an object of which the class alone is known."""

    def __init__(self, cls):
        self.cls = cls

    def attribute(self, name):
        """Returns a method without its `self`; None for what only the object would tell."""
        method = getattr(self.cls, name, None)
        return functools.partial(method, None) if inspect.isfunction(method) else None


def resolve(node, names=IMPORTED):
    """Returns what `zoo.constraints.Custom` and the like name, or None for a name of the text's."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if not isinstance(node, ast.Attribute) or (owner := resolve(node.value, names)) is None:
        return None
    if isinstance(owner, InstanceOf):
        return owner.attribute(node.attr)
    assert hasattr(owner, node.attr), ast.unparse(node)
    return getattr(owner, node.attr)


def check_call(call, names=IMPORTED):
    """Fails for a method that there is not, and for arguments that are missing or not taken."""
    function = resolve(call.func, names)
    if isinstance(call.func, ast.Attribute):
        owner = resolve(call.func.value, names)
        assert not isinstance(owner, InstanceOf) or function, ast.unparse(call)
    module = getattr(getattr(function, "func", function), "__module__", None) or ""
    if not module.startswith("zoo"):
        return
    taken, given = inspect.signature(function), dict.fromkeys(k.arg for k in call.keywords)
    try:
        taken.bind(*call.args, **given)
    except TypeError as error:
        raise AssertionError(f"{ast.unparse(call)}: {error}") from error
    if inspect.isclass(function):  # What its `**kwargs` stand for is Keras's.
        assert set(given) <= {*taken.parameters, "name", "dtype"}, ast.unparse(call)
