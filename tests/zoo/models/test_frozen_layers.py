"""Frozen layers stay frozen: in training, saved and loaded, with the optimiser's state."""

import keras
import numpy as np
import pytest

import zoo
from tests import contract
from zoo.base.frozen import frozen_weights


def frozen(model):
    return [not layer.trainable for layer in model._flatten_layers()]


def freeze_every_third(model):
    for layer in list(model._flatten_layers(include_self=False))[::3]:
        layer.trainable = False


# The backbone of a TiltedModel is frozen from the first, whatever its config says.
FREE_MODELS = [name for name in contract.FIRST_MODELS if name != "TiltedModel"]


@pytest.mark.parametrize("name", [*FREE_MODELS, "ConvVAE_own_networks", "ConvClassifier"])
def test_what_is_frozen_survives_the_config_of_every_model(name):
    if name == "ConvClassifier":
        model = zoo.ConvClassifier(contract.IMAGE_SHAPE, num_classes=3, filters=(2, 3))
    else:
        model = contract.MODELS[name]()
    assert not any(frozen(model))
    freeze_every_third(model)
    copy = type(model).from_config(model.get_config())
    assert frozen(copy) == frozen(model)
    assert any(frozen(model))
    assert not all(frozen(model))
    for layer in model._flatten_layers():
        layer.trainable = True
    assert not any(frozen(type(model).from_config(model.get_config())))


def train_frozen(images, is_compiled_before):
    model = contract.make_compiled("ConvVAE", run_eagerly=True)
    model.encoder.trainable = False
    if not is_compiled_before:
        objective = model.objective
        model.compile(keras.optimizers.Adam(1e-3), objective=objective, seed=5, run_eagerly=True)
    before = model.encoder.get_weights()
    contract.train(model, images, num_steps=2)
    assert all(map(np.array_equal, before, model.encoder.get_weights()))
    return model


@pytest.mark.parametrize("is_compiled_before", [False, True])
@pytest.mark.filterwarnings("error:Skipping")  # Keras warns where an optimiser does not fit.
def test_a_keras_file_keeps_what_is_frozen_and_the_optimizer(is_compiled_before, images, tmp_path):
    model = train_frozen(images, is_compiled_before)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert frozen(loaded) == frozen(model)
    contract.assert_same_state(contract.state_of(loaded), contract.state_of(model))
    assert int(loaded.optimizer.iterations) == 2
    for each in (model, loaded):
        contract.train(each, images, num_steps=1)
    contract.assert_same_state(contract.state_of(loaded), contract.state_of(model), 1e-6)


def test_layers_frozen_between_two_fits_stand_still(images):
    model = contract.make_compiled("ConvVAE", run_eagerly=True)
    contract.train(model, images, num_steps=1)
    model.encoder.trainable = False
    before = model.encoder.get_weights(), model.decoder.get_weights()
    contract.train(model, images, num_steps=1)
    assert all(map(np.array_equal, before[0], model.encoder.get_weights()))
    assert not any(map(np.array_equal, before[1], model.decoder.get_weights()))


def test_unfrozen_weights_without_a_place_in_the_optimizer_are_named(images):
    model = train_frozen(images, is_compiled_before=False)
    model.encoder.trainable = True
    with pytest.raises(ValueError, match=r"were frozen when the model was compiled.*Compile again"):
        model.fit(images, verbose=0)


def test_a_model_of_frozen_layers_alone_is_measured(images):
    model = contract.make_model("ConvVAE")
    model.trainable = False
    model.compile(run_eagerly=True)
    before = model.encoder.get_weights() + model.decoder.get_weights()
    assert np.isfinite(contract.train(model, images, num_steps=1))
    after = model.encoder.get_weights() + model.decoder.get_weights()
    assert all(map(np.array_equal, before, after))


def test_frozen_weights_are_those_that_would_learn():
    model = zoo.ConvVAE((8, 8, 1), latent_dim=2, filters=(2,), hidden_units=3)
    model.compile("adam", objective=zoo.ELBO())
    assert frozen_weights(model) == []
    num = len(model.trainable_weights)
    model.encoder.trainable = False
    assert len(frozen_weights(model)) == num - len(model.trainable_weights) > 0
