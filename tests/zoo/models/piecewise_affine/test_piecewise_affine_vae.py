"""`zoo.PiecewiseAffineVAE`: what it says of images, how it learns, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import zoo
from tests.tiers import thorough
from tests.zoo.models.piecewise_affine import references
from training.evaluation import annealed_importance_sampling
from zoo.errors import BatchError

SHAPE = (1, 3, 1)


def line_images(num=200, seed=0, noise=0.05):
    """Images on a line, and normal noise."""
    generator = np.random.default_rng(seed)
    pixels = 0.5 + generator.standard_normal((num, 1)) * [[0.1, 0.05, -0.12]]
    pixels += noise * generator.standard_normal(pixels.shape)
    return np.clip(pixels, 0, 1).reshape(-1, *SHAPE).astype(np.float32)


def arc_images(num=150, seed=0):
    """Images on an arc, which no plane holds, and normal noise."""
    generator = np.random.default_rng(seed)
    angles = generator.uniform(0, 4.0, num)
    pixels = 0.5 + 0.25 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    pixels += 0.03 * generator.standard_normal(pixels.shape)
    return np.clip(pixels, 0, 1).reshape(-1, *SHAPE).astype(np.float32)


def layers_of(model):
    return [
        (layer.kernel.numpy().astype(np.float64), layer.bias.numpy().astype(np.float64))
        for layer in model.layers_of_decoder
    ]


@pytest.fixture(scope="module")
def fitted():
    """A model that a few steps have brought to an arc, its images, and the history."""
    keras.utils.set_random_seed(3)
    model = zoo.PiecewiseAffineVAE(SHAPE, hidden_units=(4, 3), noise_scale=0.1)
    images = arc_images()
    return model, images, model.fit_em(images, steps=8, verbose=0)


# === Expectation-maximisation ===


def test_without_a_hidden_layer_it_is_probabilistic_pca():
    images = line_images()
    model = zoo.PiecewiseAffineVAE(SHAPE, hidden_units=(), noise_scale=0.1)
    history = model.fit_em(images, steps=100, tolerance=1e-14, verbose=0)
    pixels = images.reshape(-1, 3).astype(np.float64)
    values = np.linalg.eigvalsh(np.cov(pixels.T, bias=True))[::-1]
    variance = values[1:].mean()
    expected = 3 * np.log(2 * np.pi) + np.log(values[0]) + 2 * np.log(variance) + 3
    assert history["log_density"][-1] == pytest.approx(-0.5 * expected, abs=1e-10)
    assert history["noise_scale"][-1] ** 2 == pytest.approx(variance, rel=1e-6)
    ((kernel, _),) = layers_of(model)
    assert np.sum(kernel**2) + variance == pytest.approx(values[0], rel=1e-6)


@pytest.mark.usefixtures("uncompiled")
def test_with_two_latents_and_no_hidden_layer_images_are_normal():
    model = zoo.PiecewiseAffineVAE(SHAPE, latent_dim=2, hidden_units=(), noise_scale=0.1)
    ((kernel, bias),) = layers_of(model)
    covariance = kernel.T @ kernel + float(model.likelihood.scale) ** 2 * np.eye(3)
    images = line_images(num=3)
    expected = stats.multivariate_normal(bias, covariance).logpdf(images.reshape(3, 3))
    np.testing.assert_allclose(model.log_density(images), expected, rtol=1e-12)


def test_em_never_lowers_the_likelihood_and_gains_much(fitted):
    model, images, history = fitted
    gains = np.diff(history["log_density"])
    assert np.all(gains >= 0)
    assert history["log_density"][-1] == pytest.approx(np.mean(model.log_density(images)))
    # One straight line, the best of all, has this.
    pixels = images.reshape(-1, 3).astype(np.float64)
    values = np.linalg.eigvalsh(np.cov(pixels.T, bias=True))[::-1]
    straight = np.log(values[0]) + 2 * np.log(values[1:].mean()) + 3 + 3 * np.log(2 * np.pi)
    assert history["log_density"][-1] > -0.5 * straight + 0.5


def test_em_stops_where_nothing_is_gained():
    model = zoo.PiecewiseAffineVAE(SHAPE, hidden_units=(), noise_scale=0.1)
    images = line_images(num=50)
    model.fit_em(images, steps=60, tolerance=1e-12, held_steps=0, verbose=0)
    again = model.fit_em(images, steps=60, tolerance=1e-6, held_steps=0, verbose=0)
    assert len(again["log_density"]) == 2


def test_em_of_parts_of_the_images_is_that_of_all(fitted):
    model, images, _ = fitted
    whole = model.em_statistics(tf.constant(images))
    parts = [model.em_statistics(tf.constant(images[rows])) for rows in np.split(np.arange(150), 3)]
    for together, *each in zip(whole, *parts, strict=True):
        np.testing.assert_allclose(together, sum(each), rtol=1e-9, atol=1e-12)


def test_the_elbos_gradient_trains_the_same_likelihood():
    keras.utils.set_random_seed(2)
    model = zoo.PiecewiseAffineVAE(SHAPE, hidden_units=(4,), noise_scale=0.2)
    images = arc_images(num=60)
    model.compile(keras.optimizers.Adam(0.02), objective=zoo.ELBO(), run_eagerly=True)
    before = np.mean(model.log_density(images))
    history = model.fit(images, batch_size=60, epochs=4, verbose=0)
    # The loss is the exact negative log-likelihood, whatever was drawn.
    assert history.history["loss"][0] == pytest.approx(-before, rel=1e-5)
    assert np.mean(model.log_density(images)) > before + 0.2


# === What it says of images ===


def test_density_is_that_of_quadrature_and_rate_and_distortion_have_no_gap(fitted):
    model, images, _ = fitted
    scale = float(model.likelihood.scale)
    record = model.infer(images[:4], seed=1)
    density = model.log_density(images[:4])
    assert density.dtype == tf.float64
    np.testing.assert_allclose(record.rate + record.distortion, -density, rtol=1e-5)
    mean, covariance = model.posterior_moments(images[:4])
    np.testing.assert_allclose(model.encode(images[:4])[0], mean, rtol=1e-5, atol=1e-6)
    for row in range(2):
        pixels = images[row].reshape(-1).astype(np.float64)
        expected = references.posterior_by_quadrature(layers_of(model), pixels, scale)
        assert float(density[row]) == pytest.approx(expected[0], abs=1e-10)
        assert float(covariance[row, 0, 0] + mean[row, 0] ** 2) == pytest.approx(
            float(expected[2][0, 0]), abs=1e-10
        )


def approximate_vae(model):
    """A ConvVAE with the model's decoder and a posterior that is not the exact one."""
    dense = [keras.layers.Dense(layer.units, activation=None) for layer in model.layers_of_decoder]
    leaky = [keras.layers.LeakyReLU(model.negative_slope) for _ in dense[1:]]
    parts = [part for pair in zip(dense, [*leaky, None], strict=True) for part in pair if part]
    decoder = keras.Sequential([keras.Input((1,)), *parts, keras.layers.Reshape(SHAPE)])
    encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
    likelihood = zoo.distributions.Gaussian(float(model.likelihood.scale), mean="linear")
    vae = zoo.ConvVAE(SHAPE, 1, likelihood=likelihood, encoder=encoder, decoder=decoder)
    for layer, own in zip(dense, model.layers_of_decoder, strict=True):
        layer.set_weights(own.get_weights())
    # The best affine means, and a scale too large.
    images = arc_images(num=400, seed=7)
    inputs = np.concatenate([images.reshape(-1, 3), np.ones((400, 1))], axis=1)
    fit = np.linalg.lstsq(inputs, model.encode(images)[0].numpy(), rcond=None)[0]
    kernel, bias = vae.posterior_head.weights
    kernel.assign(np.concatenate([fit[:3], np.zeros((3, 1))], axis=1))
    bias.assign([fit[3, 0], -0.5])
    return vae


@pytest.fixture(scope="module")
def estimates(fitted):
    """Exact log-probabilities of levels of 16 images, nearly, and a VAE with the same decoder."""
    model, images, _ = fitted
    # A cell of levels is narrow beside the noise: its probability is the density times its width.
    levels = np.round(255 * images[:16]) / np.float32(255)
    exact = model.log_density(levels).numpy() - 3 * np.log(255.0)
    return approximate_vae(model), levels, exact


@pytest.mark.usefixtures("uncompiled")
def test_importance_weighted_bounds_approach_the_exact_value_from_below(estimates):
    vae, levels, exact = estimates
    gaps = [np.mean(exact - vae.log_prob(levels, num_samples=num, seed=4)) for num in (1, 4, 16)]
    assert gaps[0] > gaps[1] > gaps[2] > -0.005
    assert gaps[0] > 1.0
    assert gaps[2] < 0.5 * gaps[0]


@thorough
def test_annealed_importance_sampling_agrees_with_the_exact_value(estimates):
    vae, levels, exact = estimates
    found, _ = annealed_importance_sampling.log_prob(vae, levels, 8, 60)
    assert -0.05 < np.mean(exact - found) < 0.6


# === What it refuses ===


def test_three_latents_and_networks_of_too_many_regions_are_refused():
    with pytest.raises(ValueError, match=r"latent_dim must be an int from 1 to 2.*importance"):
        zoo.PiecewiseAffineVAE(SHAPE, latent_dim=3)
    with pytest.raises(ValueError, match=r"hidden_units must be .*1002001 regions"):
        zoo.PiecewiseAffineVAE(SHAPE, hidden_units=(1000, 1000))


@pytest.mark.usefixtures("uncompiled")
def test_images_that_memory_cannot_hold_are_refused_before(monkeypatch):
    for latent_dim in (1, 2):
        model = zoo.PiecewiseAffineVAE(SHAPE, latent_dim=latent_dim, hidden_units=(3,))
        monkeypatch.setattr("zoo.models.piecewise_affine.memory.MOST_BYTES", 1000)
        with pytest.raises(ValueError, match=r"memory.*limit.*at once"):
            model.log_density(line_images(num=50))


@pytest.mark.parametrize(
    "objective", [zoo.GECO(zoo.constraints.ReconstructionError(0.1)), zoo.InfoVAE()]
)
def test_objectives_that_move_the_posterior_are_refused(objective):
    model = zoo.PiecewiseAffineVAE(SHAPE, hidden_units=(3,))
    with pytest.raises(ValueError, match="no weights of its own: train it by"):
        model.compile(objective=objective)


def test_em_of_no_images_is_refused():
    model = zoo.PiecewiseAffineVAE(SHAPE, hidden_units=(3,))
    with pytest.raises(BatchError, match="none of them"):
        model.fit_em(np.zeros((0, *SHAPE), np.float32))
