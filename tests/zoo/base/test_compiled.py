"""Eager calls of public methods run as graphs: traced once, shared by threads, never stale."""

import copy
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.tiers import cover


class Counted(zoo.ConvVAE):
    """Counts how often Python runs its own methods: once a trace."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.calls = 0

    def _infer(self, *arguments):
        self.calls += 1
        return super()._infer(*arguments)

    def _generate(self, *arguments):
        self.calls += 1
        return super()._generate(*arguments)


def make(**kwargs):
    keras.utils.set_random_seed(0)
    kwargs = {"latent_dim": 2, "filters": (3,), "hidden_units": 4} | kwargs
    return Counted(contract.IMAGE_SHAPE, **kwargs)


@pytest.fixture
def model():
    return make()


def batch(num, dtype=np.float32):
    values = np.random.default_rng(num).uniform(size=(num, *contract.IMAGE_SHAPE))
    return (255 * values).astype(dtype) if dtype == np.uint8 else values.astype(dtype)


@pytest.mark.parametrize("method", cover(["reconstruct", "encode", "infer", "log_prob"], ["infer"]))
def test_a_method_is_traced_once_a_dtype_whatever_the_rows_and_numbers(model, method):
    for dtype in (np.float32, np.uint8):
        for num in (1, 2, 7, 64):
            images = batch(num, dtype)
            given = {"num_samples": 1 + num % 3} if method == "log_prob" else {}
            getattr(model, method)(images, seed=num, **given)
            getattr(model, method)(tf.constant(images), seed=(num, 1), **given)
    assert model.calls == 2


def test_samples_are_traced_once_whatever_their_number_seed_and_temperature(model):
    for num in (1, 2, 7, 64):
        assert model.sample(num, seed=num, temperature=0.1 * num).shape[0] == num
    assert model.calls == 1


def test_weights_that_change_are_seen(model):
    images = batch(4)
    before = model.reconstruct(images)
    model.set_weights([w + 0.3 for w in model.get_weights()])
    moved = model.reconstruct(images)
    assert np.abs(moved - before).max() > 1e-3
    fresh = make()
    fresh.set_weights(model.get_weights())
    np.testing.assert_allclose(moved, fresh.reconstruct(images), atol=1e-6)


def test_gradients_go_through(model):
    images = tf.constant(batch(3))
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_sum(model.reconstruct(images) ** 2)
    gradients = tape.gradient(loss, [images, *model.trainable_weights])
    assert all(g is not None and np.abs(g).max() > 0 for g in gradients)
    latents = model.encode(images)
    with tf.GradientTape() as tape:
        tape.watch(latents)
        loss = tf.reduce_sum(model.decode(latents).mean())
    assert np.abs(tape.gradient(loss, latents)[0]).max() > 0


def test_it_becomes_part_of_a_graph_and_of_a_symbolic_model(model):
    images = batch(3)
    expected = model.reconstruct(images, seed=1)
    in_graph = tf.function(lambda x: model.reconstruct(x, seed=1), autograph=False)
    np.testing.assert_allclose(in_graph(images), expected, atol=1e-6)
    inputs = keras.Input(contract.IMAGE_SHAPE)
    functional = keras.Model(inputs, model(inputs))
    np.testing.assert_allclose(functional(images), model.reconstruct(images), atol=1e-6)


def test_eight_threads_get_what_one_gets():
    seeds = range(24)
    alone = make()
    expected = [(alone.sample(3, seed=s), alone.reconstruct(batch(2), seed=s)) for s in seeds]
    model, start = make(), threading.Barrier(8)  # Nothing of it is traced yet.

    def answer(seed):
        if seed < 8:
            start.wait()
        return model.sample(3, seed=seed), model.reconstruct(batch(2), seed=seed)

    with ThreadPoolExecutor(8) as threads:
        contract.assert_close(list(threads.map(answer, seeds)), expected)
    assert model.calls == 2


def test_a_model_with_graphs_is_copied_and_let_go():
    images = batch(2)
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, latent_dim=2, filters=(3,), hidden_units=4)
    expected = model.reconstruct(images)
    np.testing.assert_allclose(copy.deepcopy(model).reconstruct(images), expected, atol=1e-6)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_layers_of_ones_own_know_whether_keras_trains():
    """A trace under `training=True` is not that of inference."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(6), keras.layers.Dropout(0.5, seed=1)]
    model = make(encoder=keras.Sequential(layers))
    images = batch(4)
    dropped = model(images, training=True)
    expected = model.reconstruct(images)
    assert np.abs(dropped - expected).max() > 1e-4
    np.testing.assert_array_equal(model.reconstruct(images), expected)


def test_stateless_calls_do_not_leave_their_values_behind(model):
    images = batch(3)
    expected = make().reconstruct(images)
    others = [tf.zeros_like(w) for w in model.trainable_variables]
    fixed = [w.value for w in model.non_trainable_variables]
    zeros, _ = model.stateless_call(others, fixed, images)
    assert np.abs(zeros - expected).max() > 1e-4
    np.testing.assert_allclose(model.reconstruct(images), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.reconstruct(batch(2) + 1.0), "must lie in .0, 1."),
        (lambda m: m.encode(batch(2)[..., :1]), "takes images of shape"),
        (lambda m: m.sample(-1), "num must be an int of at least 0"),
        (lambda m: m.sample(3, temperature=[1.0, 2.0]), "one for each of the 3 rows"),
        (lambda m: m.sample_rows(np.zeros((2, 3), np.int32)), "seeds must be int32"),
        (lambda m: m.decode(np.zeros((2, 2))), "latents must be a tuple"),
        (lambda m: m.log_prob(batch(1), num_samples=0), "num_samples must be an int"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(model, call, message):
    with pytest.raises(ValueError, match=message) as error:
        call(model)
    assert "\n" not in str(error.value)


def test_batches_between_two_accumulated_updates_have_noise_of_their_own():
    images = batch(8)
    losses = []
    model = make()
    optimizer = keras.optimizers.SGD(1e-9, gradient_accumulation_steps=2)
    model.compile(optimizer, objective=zoo.ELBO(), seed=1, run_eagerly=True)
    model.likelihood.decay = 1.0
    model.likelihood.is_observed.assign(1.0)
    for _ in range(4):
        losses.append(contract.train(model, images, num_steps=1, batch_size=8))
    assert len(set(losses)) == 4
