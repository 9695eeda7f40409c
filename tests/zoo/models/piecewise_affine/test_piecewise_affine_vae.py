"""`zoo.PiecewiseAffineVAE`: what it says of images, how it learns, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import zoo
from tests.tiers import thorough
from tests.zoo.models.piecewise_affine import references
from tests.zoo.models.piecewise_affine.arcs import (
    SHAPE,
    approximate_vae,
    arc_images,
    fitted_to_arc,
    levels_of,
)
from training.evaluation import annealed_importance_sampling
from zoo.errors import BatchError
from zoo.models.piecewise_affine.maximisation import ExpectationMaximisation


def line_images(num=200, seed=0, noise=0.05):
    """Images on a line, and normal noise."""
    generator = np.random.default_rng(seed)
    pixels = 0.5 + generator.standard_normal((num, 1)) * [[0.1, 0.05, -0.12]]
    pixels += noise * generator.standard_normal(pixels.shape)
    return np.clip(pixels, 0, 1).reshape(-1, *SHAPE).astype(np.float32)


def layers_of(model):
    return [
        (layer.kernel.numpy().astype(np.float64), layer.bias.numpy().astype(np.float64))
        for layer in model.layers_of_decoder
    ]


@pytest.fixture(scope="module")
def fitted():
    """A model that a few steps have brought to an arc, its images, and the history."""
    return fitted_to_arc()


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


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("seed", [0, 1])
def test_a_whole_step_of_the_last_layer_or_the_scale_never_lowers_the_likelihood(seed, monkeypatch):
    keras.utils.set_random_seed(seed)
    model = zoo.PiecewiseAffineVAE(SHAPE, hidden_units=(3, 2), noise_scale=0.3)
    maximisation = ExpectationMaximisation(model, arc_images(num=30, seed=seed))
    # Without a search for a fraction that does not.
    monkeypatch.setattr(maximisation, "_search", lambda move: move(1.0))
    for improve in (lambda: maximisation._improve_layer(2), maximisation._improve_scale) * 2:
        before = maximisation._log_density
        improve()
        maximisation._expect()
        assert maximisation._log_density >= before - 1e-6  # Weights are float32.


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


@pytest.mark.usefixtures("uncompiled")
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


@pytest.mark.usefixtures("uncompiled")
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


@pytest.fixture(scope="module")
def estimates(fitted):
    """A VAE with the model's decoder, levels of 16 images, and their exact log-probabilities."""
    model, images, _ = fitted
    return approximate_vae(model), *levels_of(model, images[:16])


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
