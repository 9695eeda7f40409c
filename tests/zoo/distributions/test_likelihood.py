"""What holds of every likelihood: a pixel is a pixel wherever it lies."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import distributions

LIKELIHOODS = [
    distributions.Gaussian,
    distributions.Bernoulli,
    distributions.ContinuousBernoulli,
    distributions.DiscretizedLogisticMixture,
]


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_means_do_not_depend_on_how_pixels_are_laid_out(kind):
    likelihood = kind()
    shape = (2, 4, 6, likelihood.num_parameters(3))
    parameters = tf.constant(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    images = likelihood(parameters).mean()
    assert images.shape == (2, 4, 6, 3)
    # As ConvDRAW asks: by position on a grid of patches, then by image, then within a patch.
    positions = tf.reshape(tf.transpose(parameters, [1, 0, 2, 3]), [2, 4, 6, -1])
    means = likelihood(positions).mean()
    np.testing.assert_allclose(means, tf.reshape(tf.transpose(images, [1, 0, 2, 3]), [2, 4, 6, 3]))
    flat = likelihood(tf.reshape(parameters, [3, 2, 8, 1, -1])).mean()
    np.testing.assert_allclose(flat, tf.reshape(images, [3, 2, 8, 1, 3]))


@pytest.mark.parametrize("kind", [kind for kind in LIKELIHOODS if kind.is_of_levels])
def test_what_is_of_levels_draws_levels(kind):
    likelihood = kind()
    channels = 3 if kind.couples_channels else 1
    rng = np.random.default_rng(0)
    parameters = rng.normal(size=(2, 4, 4, likelihood.num_parameters(channels)))
    uniforms = rng.uniform(size=(2, 4, 4, likelihood.num_uniforms(channels)))
    drawn = likelihood.draw(likelihood(parameters), tf.constant(uniforms, tf.float32)).numpy()
    np.testing.assert_allclose(255.0 * drawn, np.round(255.0 * drawn), atol=1e-4)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_a_pixel_vae_takes_a_likelihood_of_ones_own_by_what_it_can():
    @keras.saving.register_keras_serializable("tests")
    class Mine(distributions.Bernoulli):
        """Has another name and the same abilities."""

    sizes = {"filters": 4, "num_blocks": 1, "encoder_filters": (4,), "hidden_units": 4}
    model = zoo.PixelVAE((4, 4, 1), latent_dim=2, likelihood=Mine(), **sizes)
    assert set(np.unique(model.sample(2, seed=0))) <= {0.0, 1.0}
    with pytest.raises(ValueError, match="PixelVAE of Mine pixels models 1 channel"):
        zoo.PixelVAE((4, 4, 2), latent_dim=2, likelihood=Mine(), **sizes)
