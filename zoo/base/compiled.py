"""Methods of models that run as one graph when they are called eagerly."""

import contextlib
import contextvars
import functools
import inspect
import weakref

import tensorflow as tf
from keras.src.backend.common import global_state  # Keras says nowhere else what it is doing.

from zoo.base import inputs

__all__ = ["compiled", "is_uncompiled", "uncompiled"]

_is_uncompiled = contextvars.ContextVar("is_uncompiled", default=False)


@contextlib.contextmanager
def uncompiled():
    """Has methods run as they stand, one operation after the other: for debugging and for tests."""
    token = _is_uncompiled.set(True)
    try:
        yield
    finally:
        _is_uncompiled.reset(token)


def is_uncompiled():
    """Returns whether methods run as they stand, within `uncompiled`."""
    return _is_uncompiled.get()


def compiled(method):
    """Makes eager calls of a model's method run as one TensorFlow graph.

    The method is a function of the model's weights and of its arguments: tensors, tuples of
    tensors, numbers, and flags (None or a bool), all given by position. It returns what
    `tf.function` can return. Numbers become tensors, and all tensors are taken to have rows along
    their first axis, but for an argument called `seed`: so neither another number nor another
    number of rows is a reason to trace again; another dtype, another flag and other axes are.

    A method is called as it stands within `uncompiled`; inside a graph, which it becomes part of;
    where Keras or a strategy gives variables other values than their own; and with noise of
    `zoo.random`, which belongs to the graph that it was made in. The graphs are the model's, hold
    it by a weak reference, and are neither saved nor copied. Threads may share them.

    Raises:
        ValueError: A check inside the graph failed; its message alone.
    """
    names = list(inspect.signature(method).parameters)[1:]

    @functools.wraps(method)
    def run(self, *arguments):
        if not _can_compile(arguments):
            with inputs.plain_errors():
                return method(self, *arguments)
        flags, tensors, kinds = [], [], []
        for name, value in zip(names, arguments, strict=True):
            is_flag = value is None or isinstance(value, bool)
            flags.append(value if is_flag else _TENSOR)
            if not is_flag:
                tensor, kind = _as_tensor(name, value)
                tensors.append(tensor)
                kinds.append(kind)
        key = (method.__name__, _is_keras_training(), *flags, *kinds)
        graphs = vars(self).setdefault("_graphs", {})  # Past Keras's tracker.
        graph = graphs.get(key)
        if graph is None:
            graph = graphs.setdefault(key, _make_graph(method, weakref.ref(self), flags, kinds))
        with inputs.plain_errors():
            return graph(tensors)

    return run


_TENSOR = "tensor"  # In the place of a flag.


def _can_compile(arguments):
    return (
        tf.executing_eagerly()
        and not is_uncompiled()
        and not tf.distribute.has_strategy()
        and global_state.get_global_attribute("stateless_scope") is None
        and not any(hasattr(argument, "normal") for argument in arguments)
    )


def _is_keras_training():
    """Whether a Keras layer that is being called said so; layers inside of it will follow."""
    context = global_state.get_global_attribute("current_call_ctx")
    return None if context is None else context.training


def _as_tensor(name, value):
    """Returns a tensor, or a tuple of them, and what a graph is to know of it."""
    if isinstance(value, tuple):
        tensors, kinds = zip(*(_as_tensor(name, part) for part in value), strict=True)
        return tensors, kinds
    tensor = tf.convert_to_tensor(value)
    shape = tuple(tensor.shape)
    return tensor, (tensor.dtype, shape if name == "seed" or not shape else (None, *shape[1:]))


def _make_graph(method, model, flags, kinds):
    # Not a function of this file, of which all graphs together would look to TensorFlow like one
    # that is traced over and over.
    run = functools.partial(_run, method, model, flags)
    # No AutoGraph, for Keras has none either: a model runs here as it does in `fit`.
    return tf.function(run, [[_spec(kind) for kind in kinds]], autograph=False)


def _run(method, model, flags, tensors):
    given = iter(tensors)
    return method(model(), *(next(given) if flag is _TENSOR else flag for flag in flags))


def _spec(kind):
    if isinstance(kind[0], tuple):
        return tuple(_spec(part) for part in kind)
    dtype, shape = kind
    return tf.TensorSpec(shape, dtype)
