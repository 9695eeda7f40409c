"""Networks that a user hands in train in `fit` as they would in any Keras model."""

import keras
import numpy as np
import pytest

import zoo
from tests import contract
from tests.tiers import cover

MOMENTUM = 0.75  # Of the batch normalisation: its moving average is exact in few digits.


def normalisation():
    return keras.layers.BatchNormalization(momentum=MOMENTUM)


def make_model(**compile_arguments):
    """A ConvVAE whose encoder begins with a batch normalisation, and whose decoder has one."""
    encoder = [normalisation(), keras.layers.Flatten(), keras.layers.Dropout(0.5)]
    decoder = [keras.layers.Dense(64), normalisation(), keras.layers.Reshape(contract.IMAGE_SHAPE)]
    model = zoo.ConvVAE(
        contract.IMAGE_SHAPE,
        latent_dim=2,
        encoder=keras.Sequential(encoder),
        decoder=keras.Sequential(decoder),
    )
    optimizer = keras.optimizers.SGD(1e-3)
    model.compile(**{"optimizer": optimizer} | compile_arguments)
    return model


def of_batch(images):
    return images.mean(axis=(0, 1, 2))


def moving_averages(model):
    """Of the encoder's and of the decoder's normalisation."""
    return [
        np.array(layer.moving_mean)
        for network in (model.encoder, model.decoder)
        for layer in network.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


@pytest.mark.parametrize(
    "how", cover([{}, {"jit_compile": True}, {"run_eagerly": True}], [{}, {"run_eagerly": True}])
)
def test_moving_averages_move_in_fit(how, images):
    model = make_model(**how)
    model.fit(images, batch_size=8, verbose=0)
    of_encoder, of_decoder = moving_averages(model)
    np.testing.assert_allclose(of_encoder, (1 - MOMENTUM) * of_batch(images), rtol=1e-5)
    assert np.any(of_decoder)


def test_moving_averages_move_in_fit_alone(images):
    model = make_model(run_eagerly=True)
    model.evaluate(images, batch_size=4, verbose=0)
    model.test_on_batch(images)
    model.predict(images, batch_size=4, verbose=0)
    model.infer(images, seed=0)
    model.reconstruct(images)
    model.log_prob(images, num_samples=1)
    model.sample(2, seed=0)
    assert not np.any(np.concatenate(moving_averages(model)))


def test_moving_averages_move_with_every_micro_batch(images):
    model = make_model(
        optimizer=keras.optimizers.SGD(1e-3, gradient_accumulation_steps=2), run_eagerly=True
    )
    model.fit(images, batch_size=4, verbose=0, shuffle=False)
    first, second = of_batch(images[:4]), of_batch(images[4:])
    expected = (1 - MOMENTUM) * (MOMENTUM * first + second)
    np.testing.assert_allclose(moving_averages(model)[0], expected, rtol=1e-5)


@pytest.mark.thorough
def test_moving_averages_are_those_of_all_replicas(images, two_replicas):
    with two_replicas.scope():
        model = make_model()
    model.fit(images, batch_size=8, verbose=0)
    expected = (1 - MOMENTUM) * of_batch(images)
    moved = model.encoder.layers[0].moving_mean.value
    for of_replica in two_replicas.experimental_local_results(moved):
        np.testing.assert_allclose(of_replica, expected, rtol=1e-5)


@pytest.mark.usefixtures("mixed_bfloat16")
def test_moving_averages_move_under_mixed_precision(images):
    model = make_model()
    model.fit(images, batch_size=8, verbose=0)
    of_encoder, of_decoder = moving_averages(model)
    np.testing.assert_allclose(of_encoder, (1 - MOMENTUM) * of_batch(images), rtol=1e-2)
    assert np.any(of_decoder)


def test_a_row_depends_on_its_batch_in_training_alone(images):
    model = make_model()
    alone, together = (model.reconstruct(batch)[0] for batch in (images[:1], images))
    contract.assert_close(together, alone)
    trained = model(images, training=True)[0]
    assert np.abs(trained - together).max() > 0.01
    assert np.any(np.concatenate(moving_averages(model)))


class Network(keras.layers.Layer):
    """Has a part that is called in inference whatever the mode, as a frozen backbone is."""

    def __init__(self):
        super().__init__()
        self.backbone, self.normalisation = normalisation(), normalisation()
        self.flatten = keras.layers.Flatten()

    def build(self, shape):
        self.backbone.build(shape)
        self.normalisation.build(shape)

    def call(self, images):
        return self.flatten(self.backbone(self.normalisation(images), training=False))


def test_the_mode_reaches_layers_that_do_not_name_it_and_those_after_a_part_in_inference(images):
    encoder, decoder = Network(), make_model().decoder
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, latent_dim=2, encoder=encoder, decoder=decoder)
    model.compile(keras.optimizers.SGD(1e-3))
    model.fit(images, batch_size=8, verbose=0)
    assert not np.any(encoder.backbone.moving_mean)
    expected = (1 - MOMENTUM) * of_batch(images)
    np.testing.assert_allclose(encoder.normalisation.moving_mean, expected, rtol=1e-5)
    assert np.any(decoder.layers[1].moving_mean)


def test_regularisers_of_ones_own_networks_count(images):
    losses = []
    for regularizer in (None, keras.regularizers.L2(0.5)):
        dense = keras.layers.Dense(
            4, kernel_initializer="ones", kernel_regularizer=regularizer, use_bias=False
        )
        encoder = keras.Sequential([keras.layers.Flatten(), dense])
        keras.utils.set_random_seed(0)
        model = zoo.ConvVAE(contract.IMAGE_SHAPE, latent_dim=2, filters=(2,), encoder=encoder)
        model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
        losses.append([model.train_on_batch(images)[0], model.test_on_batch(images)[0]])
    np.testing.assert_allclose(np.subtract(*losses[::-1]), 0.5 * 64 * 4, rtol=1e-4)


def test_networks_of_ones_own_need_no_input_layer(images):
    layers = [keras.layers.Flatten(), keras.layers.Dense(3)]
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, latent_dim=2, encoder=keras.Sequential(layers))
    assert model.encode(images)[0].shape == (len(images), 2)


class Noisy(keras.layers.Layer):
    """Draws from two generators, one of them made when the layer is first called."""

    def __init__(self):
        super().__init__()
        self.flatten, self.first = keras.layers.Flatten(), keras.random.SeedGenerator()

    def build(self, shape):
        self.second = keras.random.SeedGenerator()

    def call(self, images, training=False):
        features = self.flatten(images)
        for seed in (self.first, self.second) if training else ():
            features += keras.random.normal(keras.ops.shape(features), seed=seed)
        return features


def make_noisy_model():
    """A model whose every loss is one of its own noise: its weights stand still."""
    encoder = keras.Sequential([Noisy(), keras.layers.Dropout(0.5), keras.layers.Dense(4)])
    keras.utils.set_random_seed(0)
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, latent_dim=2, filters=(2,), encoder=encoder)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return model


@pytest.mark.parametrize("name", ["model.weights.h5", "model.keras"])
def test_networks_go_on_with_the_noise_that_would_have_come(name, images, tmp_path):
    model = make_noisy_model()
    first = model.train_on_batch(images)[0]
    (model.save_weights if "weights" in name else model.save)(tmp_path / name)
    loaded = make_noisy_model()
    loaded.load_weights(tmp_path / name)  # What `--resume` does.
    second = model.train_on_batch(images)[0]
    assert second != first
    assert loaded.train_on_batch(images)[0] == second


def test_files_without_states_of_generators_load(images, tmp_path):
    model = make_noisy_model()
    model.train_on_batch(images)
    object.__delattr__(model, "_seed_states")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = make_noisy_model()
    loaded.load_weights(tmp_path / "model.weights.h5")
    for ours, theirs in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
