"""Constraints in training: the same step however it runs, and after saving and loading."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close, assert_same_state, state_of

PAIR = (contract.SMALLEST, "GECO_several")


def trained(images, num_steps=3, **kwargs):
    model = contract.make_compiled(*PAIR, contract.linear_optimizer(), **kwargs)
    return model, contract.train(model, images, num_steps, batch_size=8)


def evaluated(model, images):
    return model.evaluate(
        contract.batch_of(model, images), batch_size=4, verbose=0, return_dict=True
    )


@pytest.fixture(scope="module")
def model(images):
    model = contract.make_compiled(*PAIR, run_eagerly=True)
    contract.train(model, images, num_steps=3)
    return model


def test_each_constraint_has_a_violation_and_a_multiplier_of_its_own(model, images):
    names = {"patches", "features", "accuracy", "correlation", "darkening", "error", "logits"}
    logs = evaluated(model, images)
    assert {f"{n}_violation" for n in names} | {f"{n}_multiplier" for n in names} < set(logs)
    assert set(model.objective.multipliers) == names
    start = contract.make_compiled(*PAIR).objective.multipliers
    assert all(model.objective.multipliers[n] != start[n] for n in names)


@pytest.fixture(scope="module")
def reference(images):
    """What three eager steps lead to: the model and the last loss."""
    return trained(images, run_eagerly=True)


@pytest.mark.thorough
def test_training_is_the_same_eager_in_a_graph_and_under_xla(reference, images):
    model, loss = reference
    for how in ({}, {"jit_compile": True}):
        other, other_loss = trained(images, **how)
        assert other_loss == pytest.approx(loss, rel=1e-5)
        assert_same_state(state_of(other), state_of(model), tolerance=1e-5)


@pytest.mark.thorough
def test_two_replicas_train_and_evaluate_as_one_does(reference, images, two_replicas):
    model, loss = reference
    # A network may have been frozen outside the strategy's scope.
    objective = contract.OBJECTIVES[PAIR[1]]()
    with two_replicas.scope():
        replicated = contract.make_model(PAIR[0])
        replicated.compile(contract.linear_optimizer(), objective=objective, seed=5)
    replicated_loss = contract.train(replicated, images, 3, batch_size=8)
    assert replicated_loss == pytest.approx(loss, rel=1e-5)
    assert_same_state(state_of(replicated), state_of(model), tolerance=1e-5)
    assert evaluated(replicated, images) == pytest.approx(evaluated(model, images), rel=1e-5)


def test_a_weights_file_restores_networks_and_multipliers(model, images, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = contract.make_compiled(*PAIR)
    # Other weights than the file's, so that none can pass for loaded.
    for weight in loaded.objective.weights:
        weight.assign(weight + 1)
    loaded.load_weights(tmp_path / "model.weights.h5")
    assert_same_state(state_of(loaded), state_of(model))


@pytest.mark.usefixtures("unchecked")
def test_an_exported_model_has_its_networks_and_multipliers(model, images, tmp_path):
    model.export(tmp_path / "1")
    loaded = zoo.load(tmp_path / "1")
    assert loaded.objective.multipliers == model.objective.multipliers
    assert loaded.objective.get_config() == model.objective.get_config()
    states = [[np.asarray(w) for w in m.objective.weights] for m in (loaded, model)]
    assert_close(*states, 0.0)
    logs = []
    for each in (loaded, model):
        optimizer = contract.linear_optimizer()
        each.compile(optimizer, objective=each.objective, seed=5, run_eagerly=True)
        logs.append(contract.train(each, images, num_steps=1))
    assert logs[0] == pytest.approx(logs[1], rel=1e-5)
    assert_same_state(state_of(loaded), state_of(model), tolerance=1e-5)


@pytest.mark.usefixtures("mixed_bfloat16")
def test_terms_are_float32_under_mixed_precision(images):
    model = contract.make_compiled(*PAIR, run_eagerly=True)
    contract.train(model, images, num_steps=1)
    record = model.infer(images, labels=np.zeros(8, int), seed=0)
    terms = model.objective.terms(model, record)
    assert {term.dtype for term in terms.values()} == {tf.float32}
    assert all(np.isfinite(term).all() for term in terms.values())


def test_what_a_subclassed_network_needs_is_saved_with_it(images, tmp_path):
    network = Halves(3)
    network(images)
    model = contract.make_model(contract.SMALLEST)
    constraint = zoo.constraints.FeatureReconstructionError(0.2, features=network)
    model.compile(objective=zoo.GECO(constraint), run_eagerly=True)
    before = model.evaluate(images, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(images, verbose=0) == pytest.approx(before, rel=1e-5)


@keras.saving.register_keras_serializable("tests")
class Halves(keras.Model):
    """Features of the upper half of an image."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(units)

    def build(self, shape):
        self.dense.build((None, shape[1] // 2 * shape[2] * shape[3]))
        self.built = True

    def call(self, images):
        half = images[:, : images.shape[1] // 2]
        return self.dense(keras.ops.reshape(half, (-1, int(np.prod(half.shape[1:])))))

    def get_config(self):
        return {**super().get_config(), "units": self.units}
