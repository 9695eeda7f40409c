"""A pytest plugin: TensorFlow as all tests have it, set before it starts, and their fixtures."""

import functools
import gc
import random
import typing

import zoo  # noqa: F401  # isort: skip  Before TensorFlow, whose kernels it chooses.
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.data.ops import iterator_ops
from tensorflow.python.eager import context
from tensorflow.python.framework import ops
from tensorflow.python.ops import gen_resource_variable_ops

from tests import contract
from tests.unchecked import unchecked_exports
from zoo.base import compiled

# Two logical CPUs stand in for two GPUs; TensorFlow takes this only before it is first used.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


# Most graphs run once or twice here: optimising them takes longer than they run.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def _set_seed_keeping_kernels(self, seed):
    self._seed = seed
    self._rng = random.Random(seed)


# TensorFlow's seed is set before every test, and setting it would throw away each kernel that was
# made, only to restart those that draw. To make them anew took a third of the contract's time.
context.Context._set_global_seed = _set_seed_keeping_kernels


# Each operation of a graph would note the stack that made it: under pytest and Keras so many calls
# that it takes a third of the time of making graphs. Only TensorFlow's own error texts hold it.
ops._create_c_op = functools.partial(ops._create_c_op, extract_traceback=False)


_make_handle = gen_resource_variable_ops.var_handle_op


def _make_nameless_handle(*args, debug_name="", **kwargs):
    return _make_handle(*args, **kwargs)


# TensorFlow makes a kernel for each name that a variable has, and Keras gives no name twice: a
# kernel takes twenty times as long to make as a variable. Only TensorFlow's error texts hold it.
gen_resource_variable_ops.var_handle_op = _make_nameless_handle


# Whether an object is a tensor, TensorFlow asks of a protocol, whose members Python collects anew
# each time.
typing._get_protocol_attrs = functools.cache(typing._get_protocol_attrs)


_create_iterator = iterator_ops.OwnedIterator._create_iterator


def _create_plain_iterator(self, dataset):
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    _create_iterator(self, dataset.with_options(options))


# An iterator that has lived for long ends up to a minute late, as `untuned` of our data sets says.
# Keras makes such, and an error that was caught keeps them until garbage is collected.
iterator_ops.OwnedIterator._create_iterator = _create_plain_iterator


# What was imported stays: no collection of garbage need look through it again.
gc.freeze()


@pytest.fixture(scope="session")
def two_replicas():
    """The one strategy over two CPUs: a second one in a process fails on its collectives."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(scope="session")
def images():
    """Eight tiny images of random pixels, float32 in [0, 1]."""
    rng = np.random.default_rng(0)
    return rng.uniform(size=(8, *contract.IMAGE_SHAPE)).astype(np.float32)


@pytest.fixture(autouse=True)
def _same_generators():
    """Each test starts from the same generators."""
    keras.utils.set_random_seed(0)


@pytest.fixture
def mixed_bfloat16():
    """Keras's mixed precision policy, for one test."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.fixture
def uncompiled():
    """Methods run as they stand, for a test that calls each of them hardly more than once."""
    with compiled.uncompiled():
        yield


@pytest.fixture
def unchecked():
    """Exports are written and not run, for a test that compares what was exported itself."""
    with unchecked_exports():
        yield
