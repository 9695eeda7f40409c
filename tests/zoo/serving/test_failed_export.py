"""An export that fails leaves nothing: the disk is full, the model fails, or Ctrl-C is pressed.

The model is as small as a model can be, and is exported for true.
"""

import contextlib
import os
import resource

import keras
import pytest
import tensorflow as tf

from zoo.serving import export
from zoo.serving.signature import Signature

IMAGE_SHAPE = (2, 2, 1)
FULL = OSError(28, "No space left on device")


class Tiny(keras.Model):
    """Encodes an image as itself, times a weight."""

    image_shape = IMAGE_SHAPE
    context_shape = None

    def __init__(self, config=None):
        super().__init__()
        self.factor = self.add_weight(name="factor", shape=(), initializer="ones")
        self.config = config or {}

    def get_config(self):
        if isinstance(self.config, Exception):
            raise self.config
        return self.config


def _signatures(model, at_warm_up=lambda: None, at_check=lambda: None):
    """Signatures that do something when the export makes the warm-up, and when it checks itself."""
    calls = []

    def answer(given):
        if tf.executing_eagerly():
            calls.append(1)
            (at_warm_up if len(calls) <= 2 else at_check)()
        return {"latents_0": model.factor * given["image"]}

    image = tf.TensorSpec([None, *IMAGE_SHAPE], tf.float32, "image")
    return {"encode": Signature({"image": image}, answer)}


@contextlib.contextmanager
def _disk_full_beyond(num_bytes):
    """No file of this process grows beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _raise(error):
    raise error


def _fail(path, error, model=None, **hooks):
    model = model or Tiny()
    with pytest.raises(error):
        export(model, path, signatures=_signatures(model, **hooks))


NAMES = {"plain": "deep", "patterns": os.fsdecode(b"*? a\\[b] \xff")}


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_it_would_succeed_at_any_path(tmp_path, name):
    """Else the tests below would show nothing."""
    model = Tiny()
    export(model, tmp_path / name / "1", signatures=_signatures(model))
    assert os.listdir(tmp_path / name) == ["1"]


@pytest.mark.parametrize(
    ("error", "hooks"),
    [
        (OSError, {"model": Tiny(config=FULL)}),
        (OSError, {"at_warm_up": lambda: _raise(FULL)}),
        (OSError, {"at_check": lambda: _raise(FULL)}),
        (KeyboardInterrupt, {"at_check": lambda: _raise(KeyboardInterrupt())}),
    ],
    ids=["config", "warm-up", "check", "interrupt"],
)
def test_a_model_that_fails_leaves_nothing(error, hooks, tmp_path):
    _fail(tmp_path / "deep" / "1", error, **hooks)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_nothing(tmp_path):
    with _disk_full_beyond(100):  # The graph has more.
        _fail(tmp_path / "deep" / "1", (OSError, tf.errors.OpError))
    assert os.listdir(tmp_path) == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(tmp_path):
    """When all is written but the manifest, which is longer than the warm-up."""
    with contextlib.ExitStack() as stack:

        def fill():
            stack.enter_context(_disk_full_beyond(700))

        _fail(tmp_path / "deep" / "1", OSError, at_warm_up=fill)
    assert os.listdir(tmp_path) == []


def test_what_someone_else_put_there_meanwhile_stays(tmp_path):
    path = tmp_path / "deep" / "1"
    _fail(path, FileExistsError, at_check=lambda: path.mkdir(exist_ok=True))
    assert os.listdir(tmp_path / "deep") == ["1"]
    assert os.listdir(path) == []


def test_an_export_that_answers_differently_is_removed(tmp_path):
    model = Tiny()
    signatures = _signatures(model, at_check=lambda: model.factor.assign_add(0.01))
    with pytest.raises(RuntimeError, match="differs from the Keras model's by"):
        export(model, tmp_path / "1", signatures=signatures)
    assert os.listdir(tmp_path) == []
