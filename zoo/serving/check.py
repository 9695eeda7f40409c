"""Runs an exported model the way TensorFlow Serving does and compares it with the Keras model."""

import contextlib

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from zoo.serving import warmup
from zoo.serving.plain_path import plain_path

__all__ = ["check_export", "open_session"]

_TOLERANCE = 1e-5
# A graph fuses operations that Python runs one by one. With 16-bit floats each stop in between
# rounds to 3 digits, so that only gross errors can be told.
_TOLERANCE_16_BIT = 5e-2
_DRAWN = ("image", "reconstruction", "image_bytes", "reconstruction_bytes", "rmse")
_LEVEL = 1 / 255  # Rounding can move a pixel of a PNG image to the next of 256 levels.
# Rounding can move a drawn pixel over the threshold between two levels, and all pixels after it are
# then drawn given another image: so few images may differ, but by anything.
_LEAST_SHARE_OF_EQUAL_DRAWS = 0.5


def check_export(path, model, signatures):
    """Runs every warm-up record of the SavedModel at `path`, as read from its file.

    Both sides run on the CPU, where float32 means float32: GPUs may compute with fewer digits.

    Args:
        path: Folder of the SavedModel.
        model: The Keras model that it came from.
        signatures: Its signatures, as in `make_signatures`.

    Raises:
        RuntimeError: A record names an unknown signature, fails, or is answered differently from
            the Keras model; the message says which.
    """
    tolerance = _TOLERANCE if model.compute_dtype == "float32" else _TOLERANCE_16_BIT
    signatures = signatures | {"serving_default": next(iter(signatures.values()))}
    try:
        requests = warmup.read(path)
        unknown = {name for name, _ in requests} - set(signatures)
        if unknown:
            raise ValueError(f"No signature is called {sorted(unknown)}.")
        with open_session(path) as answer:
            answers = [answer(*request) for request in requests]
    except (ValueError, tf.errors.OpError) as error:
        raise RuntimeError(
            f"The exported model does not run its own warm-up requests, so it was removed: {error}"
        ) from error
    draws_pixels = not getattr(model, "has_mean", True)  # A classifier draws nothing.
    is_same = []  # Of each drawn image, and of each rmse of one.
    for (name, inputs), received in zip(requests, answers, strict=True):
        with tf.device("/CPU:0"):
            tensors = {key: tf.constant(values) for key, values in inputs.items()}
            values, errors = signatures[name].read(tensors)
            expected = signatures[name].answer(values) | {"error": errors}
        for key, values in expected.items():
            if key == "error":
                _compare_errors(name, values.numpy(), received[key])
            elif draws_pixels and key in _DRAWN:
                is_same += _compare_draws(_as_floats(values.numpy()), _as_floats(received[key]))
            else:
                _compare(f"{name}/{key}", values.numpy(), received[key], tolerance)
    if is_same and np.mean(is_same) < _LEAST_SHARE_OF_EQUAL_DRAWS:
        raise RuntimeError(
            f"Of {len(is_same)} images that the exported model drew, only {sum(is_same)} are those "
            "that the Keras model draws with the same seeds. The export was removed. Does the "
            "model draw noise that does not come from zoo.random?"
        )


@contextlib.contextmanager
def open_session(path, optimize=True):
    """Loads an exported model with the tag `serve` into a graph-mode session on the CPU.

    Args:
        path: Folder of the SavedModel.
        optimize: Whether graphs are optimised before they run, as a server does: it takes longer
            than to run a tiny model a few times.

    Yields:
        A function `answer(signature_name, inputs)` from a dict of input name to array, to a dict
        of output name to array. It raises ValueError for an unknown signature or wrong inputs,
        and `tf.errors.OpError` when the graph refuses or fails.
    """
    config = tf.compat.v1.ConfigProto(device_count={"GPU": 0}, allow_soft_placement=True)
    config.graph_options.rewrite_options.disable_meta_optimizer = not optimize
    with tf.Graph().as_default() as graph, _no_deprecation_notes():
        session = tf.compat.v1.Session(graph=graph, config=config)
        with plain_path(path) as folder:
            model = tf.compat.v1.saved_model.load(session, ["serve"], folder)
        signatures = model.signature_def
    prepared = {}

    def answer(name, inputs):
        if name not in signatures:
            raise ValueError(f"Serving signature key {name!r} not found.")
        signature = signatures[name]
        if set(inputs) != set(signature.inputs):
            raise ValueError(
                f"Signature {name!r} takes {sorted(signature.inputs)}. Received: {sorted(inputs)}"
            )
        if name not in prepared:
            prepared[name] = _prepare(session, signature)
        values = prepared[name](*(inputs[key] for key in signature.inputs))
        return dict(zip(signature.outputs, values, strict=True))

    try:
        yield answer
    finally:
        session.close()


def _prepare(session, signature):
    options = config_pb2.CallableOptions()
    options.feed.extend(tensor.name for tensor in signature.inputs.values())
    options.fetch.extend(tensor.name for tensor in signature.outputs.values())
    # Not `session.run`, which checks shapes in Python where a server does not.
    return session._make_callable_from_options(options)


@contextlib.contextmanager
def _no_deprecation_notes():
    """Keeps from the user that sessions are of TensorFlow 1: it is how the server runs a model."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)


def _compare_draws(expected, received):
    """Says of each image, or of what was computed from it, whether it is the same."""
    if expected.shape != received.shape:
        return [False] * len(expected)
    difference = np.abs(expected - received).reshape(len(expected), -1)
    return list(difference.max(axis=1) <= _TOLERANCE)


def _as_floats(values):
    """Returns images of PNG files, float `[N, H, W, C]` in [0, 1]; floats as they are."""
    if values.dtype != object:
        return values
    return np.stack([tf.io.decode_png(image).numpy() for image in values]) / 255.0


def _compare_errors(name, expected, received):
    if list(expected) != list(received):
        raise RuntimeError(
            f"The exported model's {name}/error is {received}, the Keras model's {expected}. The "
            "export was removed."
        )


def _compare(name, expected, received, tolerance):
    is_png = expected.dtype == object
    expected, received = _as_floats(expected), _as_floats(received)
    if expected.shape != received.shape:
        raise RuntimeError(
            f"The exported model's {name} has shape {received.shape}, the Keras model's "
            f"{expected.shape}. The export was removed."
        )
    # A Bernoulli gives an image with grey pixels, as requests have them, a log-probability of -inf.
    is_same = np.isinf(expected) & (expected == received)
    expected, received = np.where(is_same, 0.0, (expected, received))
    largest = float(np.max(np.abs(expected)))
    if is_png:
        tolerance, largest = max(tolerance, 1.01 * _LEVEL), 1.0
    difference = float(np.max(np.abs(expected - received)))
    # `not <=` and not `>`, so that NaN fails.
    if not difference <= tolerance * largest:
        raise RuntimeError(
            f"The exported model's {name} differs from the Keras model's by {difference:g}, where "
            f"{tolerance:g} of the largest magnitude {largest:g} was allowed. The export was "
            "removed. Does the model draw noise that does not come from zoo.random, change when "
            "called, or walk Langevin chains that diverge, for which step_size is too large?"
        )
