"""The contract of every architecture: what is saved comes back, and training goes on from it."""

import json

import keras
import numpy as np
import pytest

import zoo
from tests import contract
from tests.contract import assert_close, assert_same_state, full, state_of
from tests.tiers import cover
from zoo import registry


def through_json(config):
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("name", contract.MODELS)
def test_config_round_trip(name):
    model = contract.MODELS[name]()
    config = through_json(keras.saving.serialize_keras_object(model))
    copy = keras.saving.deserialize_keras_object(config)
    assert through_json(keras.saving.serialize_keras_object(copy)) == config
    assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]


@full("ConvVAE")
def test_compile_config_round_trip(names):
    model = contract.make_compiled(*names)
    config = through_json(model.get_compile_config())
    copy = contract.make_model(names[0])
    copy.compile_from_config(config)
    assert through_json(copy.get_compile_config()) == config
    assert type(copy.objective) is type(model.objective)
    assert copy.objective.get_config() == model.objective.get_config()


@full()
@pytest.mark.usefixtures("uncompiled")
def test_keras_file_restores_all_that_training_moved(names, images, tmp_path):
    model = contract.make_compiled(*names, run_eagerly=True)
    untrained, fresh = model.get_weights(), model.objective.multipliers
    contract.train(model, images, num_steps=2)
    # What could be had without loading must not pass for loaded.
    layers = model._flatten_layers()
    frozen = {id(w) for layer in layers if not layer.trainable for w in layer.weights}
    equal = map(np.array_equal, untrained, model.get_weights())
    assert not any(
        is_equal and id(weight) not in frozen
        for weight, is_equal in zip(model.weights, equal, strict=True)
    )
    assert not fresh or model.objective.multipliers != fresh
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True
    assert_same_state(state_of(loaded), state_of(model))
    assert loaded.objective.multipliers == model.objective.multipliers
    # Which runs the networks and what measures them.
    assert loaded.evaluate(images, verbose=0, return_dict=True) == pytest.approx(
        model.evaluate(images, verbose=0, return_dict=True), rel=1e-5
    )


@full("ConvVAE")
def test_weights_file_restores_all_that_training_moved(names, images, tmp_path):
    model = contract.make_compiled(*names, run_eagerly=True)
    contract.train(model, images, num_steps=3)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = contract.make_compiled(*names)
    fresh.load_weights(tmp_path / "model.weights.h5")
    assert_same_state(state_of(fresh), state_of(model))


@full("ConvVAE")
def test_resumed_training_equals_uninterrupted_training(names, images, tmp_path):
    model = contract.make_compiled(*names)
    contract.train(model, images, num_steps=3)
    model.save(tmp_path / "model.keras")
    resumed = keras.saving.load_model(tmp_path / "model.keras")
    # The fourth batch of three and more steps is the second of the data.
    for each in (model, resumed):
        contract.train(each, np.roll(images, -4, axis=0), num_steps=3)
    assert_same_state(state_of(resumed), state_of(model), tolerance=1e-5)


def is_refused(model_name, objective_name):
    """Whether the objective needs what the model lacks, or would not train parts of it."""
    model = contract.MODELS[model_name]()
    if objective_name in contract.ONLY_MODELS:
        return model_name != contract.ONLY_MODELS[objective_name]
    if not model.has_trained_posterior:
        return objective_name.startswith(("GECO", "InfoVAE"))
    return objective_name.startswith("GECO") and (not model.has_mean or model.needs_distortion)


@pytest.mark.parametrize("name", registry.examples("likelihood", contract.IMAGE_SHAPE))
def test_every_likelihood_can_end_a_model(name, images, tmp_path):
    likelihood = registry.examples("likelihood", contract.IMAGE_SHAPE)[name]()
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, 2, (4,), 6, likelihood)
    model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO(), run_eagerly=True)
    contract.train(model, images, num_steps=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_same_state(state_of(loaded), state_of(model))
    assert_close(loaded.sample(2, seed=0), model.sample(2, seed=0))


@pytest.mark.parametrize("names", contract.other_pairs(), ids="-".join)
def test_other_pairs_train_and_go_on_after_loading(names, images, tmp_path):
    if is_refused(*names):
        with pytest.raises(ValueError, match="hoose another objective"):
            contract.make_compiled(*names)
        return
    # In a graph, every class trains among the full pairs.
    model = contract.make_compiled(*names, run_eagerly=True)
    contract.train(model, images, num_steps=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True
    assert_same_state(state_of(loaded), state_of(model))
    losses = [contract.train(m, images, num_steps=1) for m in (loaded, model)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert_same_state(state_of(loaded), state_of(model), tolerance=1e-5)


@pytest.mark.parametrize(
    "name",
    cover(
        [n for n in contract.FIRST_MODELS if contract.default_objective(n) == "GECO"],
        [contract.SMALLEST],
    ),
)
def test_recompiling_keeps_the_weights_and_changes_the_objective(name, images, tmp_path):
    model = contract.make_compiled(name, "ELBO", run_eagerly=True)
    contract.train(model, images, num_steps=2)
    weights = model.get_weights()
    geco = contract.OBJECTIVES["GECO"]()
    model.compile(keras.optimizers.Adam(1e-3), objective=geco, run_eagerly=True)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))
    start = model.objective.multipliers
    contract.train(model, images, num_steps=2)
    assert model.objective.multipliers != start
    assert "error_multiplier" in model.evaluate(images, verbose=0, return_dict=True)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    elbo = contract.OBJECTIVES["ELBO"]()
    loaded.compile(keras.optimizers.Adam(1e-3), objective=elbo, run_eagerly=True)
    contract.train(loaded, images, num_steps=2)
    logs = loaded.evaluate(images, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "rate", "distortion", "rmse", *loaded._measure_names}


def test_recompiling_with_the_same_objective_keeps_its_multipliers(images):
    model = contract.make_compiled(contract.SMALLEST, run_eagerly=True)
    contract.train(model, images, num_steps=2)
    multipliers = model.objective.multipliers
    model.compile(keras.optimizers.Adam(1e-4), objective=model.objective, run_eagerly=True)
    assert model.objective.multipliers == multipliers
    contract.train(model, images, num_steps=1)
    assert model.objective.multipliers != multipliers


def test_an_objective_belongs_to_one_model():
    model, other = (contract.make_compiled(contract.SMALLEST) for _ in range(2))
    with pytest.raises(ValueError, match="GECO already belongs to another model"):
        other.compile(keras.optimizers.Adam(), objective=model.objective)
