"""Adam by TensorFlow's kernel is Keras's Adam."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo.fused_adam import fuse

SHAPES = ((3, 4), (5,), ())
OPTIMIZERS = {
    "Adam": lambda: keras.optimizers.Adam(0.1, beta_1=0.8, beta_2=0.99, epsilon=1e-3),
    "AdamW": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.01, clipnorm=1.0, use_ema=True),
    "schedule": lambda: keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(0.1, decay_steps=5)
    ),
}
UNTOUCHED = {
    "amsgrad": lambda: keras.optimizers.Adam(0.1, amsgrad=True),
    "Nadam": lambda: keras.optimizers.Nadam(0.1),
    "SGD": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
}


def after_steps(optimizer, fused, num_steps=6):
    """Returns weights and the optimiser's state after steps with random gradients."""
    rng = np.random.default_rng(0)
    weights = [keras.Variable(rng.normal(size=shape).astype(np.float32)) for shape in SHAPES]
    optimizer.build(weights)
    if fused:
        fuse(optimizer)
    for _ in range(num_steps):
        gradients = [tf.constant(rng.normal(size=shape), tf.float32) for shape in SHAPES]
        optimizer.apply(gradients, weights)
    return [np.asarray(variable) for variable in weights + optimizer.variables]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_and_state_are_those_of_keras(name):
    states = [after_steps(OPTIMIZERS[name](), fused) for fused in (False, True)]
    for plain, fused in zip(*states, strict=True):
        # Keras has 1 - β from Python, the kernel from float32: 1.3e-5 apart at β = 0.999.
        np.testing.assert_allclose(fused, plain, rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize("name", UNTOUCHED)
def test_other_optimizers_keep_their_update(name):
    states = [after_steps(UNTOUCHED[name](), fused) for fused in (False, True)]
    for plain, fused in zip(*states, strict=True):
        np.testing.assert_array_equal(fused, plain)


def test_sparse_gradients_are_keras_own():
    states = []
    for prepare in (lambda optimizer: None, fuse):
        weight, optimizer = keras.Variable(np.ones((4, 2), np.float32)), keras.optimizers.Adam(0.1)
        optimizer.build([weight])
        prepare(optimizer)
        rows = tf.IndexedSlices(tf.ones([1, 2]), tf.constant([2]), tf.constant([4, 2]))
        optimizer.apply([rows], [weight])
        states.append(np.asarray(weight))
    np.testing.assert_array_equal(*states)
    assert (states[0] != 1).any()


def test_a_compiled_model_has_one_operation_a_weight(images):
    model = contract.make_compiled(contract.SMALLEST, "ELBO")
    step = tf.function(model.train_step, autograph=False)
    graph = step.get_concrete_function(tf.TensorSpec(images.shape)).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == len(model.trainable_weights)


def test_a_loss_scale_keeps_its_adam_fused():
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1))
    fuse(optimizer)
    assert "update_step" in vars(optimizer.inner_optimizer)


def test_the_config_is_keras_own():
    model = contract.make_compiled(contract.SMALLEST, "ELBO")
    copy = zoo.ConvVAE.from_config(model.get_config())
    copy.compile_from_config(model.get_compile_config())
    assert type(copy.optimizer) is keras.optimizers.Adam
    assert copy.optimizer.get_config() == model.optimizer.get_config()
    assert set(model.optimizer.get_config()) == set(keras.optimizers.Adam().get_config())
