"""The float64 decoder of a PixelVAE, and the frequencies of levels: against the model itself."""

import numpy as np
import pytest
import tensorflow as tf

from tests import contract
from zoo.codec.level_frequencies import PixelMixture
from zoo.codec.pixel_network import PixelNetwork
from zoo.distributions.discretized_logistic_mixture import LogisticMixtureImage

NUM = 3


@pytest.fixture(scope="module")
def model():
    return contract.make_model("PixelVAE")


def walked(model, levels):
    """What the network gives for each pixel, `[N, H, W, num_parameters]`."""
    rows = []

    def take(row, column, parameters):
        rows.append(parameters)
        return levels[:, row, column]

    PixelNetwork(model).walk(len(levels), take)
    return np.stack(rows, axis=1).reshape(*levels.shape[:3], -1)


@pytest.fixture(scope="module")
def levels():
    shape = (NUM, *contract.IMAGE_SHAPE)
    return np.random.default_rng(0).integers(0, 256, shape)


def test_parameters_are_the_models_at_z_0(model, levels):
    found = walked(model, levels)
    images = tf.constant(levels / 255.0, tf.float32)
    expected = model.decoder(images, tf.zeros([NUM, model.latent_dim]))
    np.testing.assert_allclose(found, expected, atol=2e-4)
    np.testing.assert_array_equal(found, np.round(found * 4096) / 4096)


def test_other_batches_come_to_the_same_points(model, levels):
    found = walked(model, levels)
    for row in range(NUM):
        np.testing.assert_array_equal(walked(model, levels[row : row + 1])[0], found[row])


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_frequencies_are_the_probabilities_of_the_mixture(channels):
    rng = np.random.default_rng(channels)
    components, pairs = 2, channels * (channels - 1) // 2
    parameters = rng.normal(size=(4, components * (1 + 2 * channels + pairs)))
    levels = rng.integers(0, 256, (4, channels))
    levels[0], levels[1] = 0, 255  # The open ends.
    mixture, found = PixelMixture(parameters, components, channels), 0.0
    for channel in range(channels):
        frequencies = mixture.frequencies()
        assert (frequencies >= 0).all()
        np.testing.assert_array_equal(frequencies.sum(axis=-1), 2**20)
        own = frequencies[np.arange(4), levels[:, channel]] / 2**20
        found = found + np.log(own)
        mixture.know(levels[:, channel])
    image = LogisticMixtureImage(tf.constant(parameters[:, None, None], tf.float32), components)
    expected = image.log_prob(tf.constant(levels[:, None, None] / 255.0, tf.float32))
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_a_level_that_no_component_gives_anything_tells_nothing():
    parameters = np.array([[0.0, 0.0, -0.9, 0.9, -0.9, 0.9, -9.0, -9.0, -9.0, -9.0, 0.0, 0.0]])
    mixture = PixelMixture(parameters, 2, 2)
    mixture.know(np.array([128]))
    assert mixture.frequencies().sum() == 2**20
