"""Measures of latents and likelihoods against the closed forms of a linear-Gaussian model."""

import math

import numpy as np
import pytest
import scipy.stats

import zoo
from tests.training.evaluation.linear_model import NOISE_SCALE, LinearModel
from training import datasets
from training.evaluation import (
    active_units,
    annealed_importance_sampling,
    linear_classifier,
    marginal_kl,
    quantized_likelihood,
)
from zoo.errors import UsageError


@pytest.fixture(scope="module")
def linear():
    return LinearModel()


@pytest.fixture(scope="module")
def data(linear):
    return linear.data(1000)


def exact_log_prob(linear, levels):
    """log P of 256-level images: density over cells of width 1/255, none at an end."""
    images = levels.reshape(len(levels), 16) / 255.0
    density = scipy.stats.multivariate_normal(linear.bias, linear.covariance).logpdf(images)
    return density - 16 * math.log(255.0)


def test_annealed_importance_sampling_is_within_a_tenth_of_a_nat(linear, data):
    levels = data.arrays("test")["image"]
    levels = levels[(levels > 3).all(axis=(1, 2, 3)) & (levels < 252).all(axis=(1, 2, 3))][:10]
    found, accepted = annealed_importance_sampling.log_prob(
        linear.model, levels, num_chains=16, num_temperatures=100
    )
    error = found - exact_log_prob(linear, levels)
    assert abs(error.mean()) < 0.1
    assert np.abs(error).max() < 1.0
    assert 0.4 < accepted < 0.95


@pytest.mark.thorough
def test_annealing_repeats_itself_and_each_image_is_alone(linear, data):
    levels = data.arrays("test")["image"][:3]
    settings = {"num_chains": 2, "num_temperatures": 10}
    log_prob = annealed_importance_sampling.log_prob
    found = log_prob(linear.model, levels, **settings, seed=5)[0]
    np.testing.assert_allclose(
        log_prob(linear.model, levels, **settings, seed=5)[0], found, rtol=1e-6
    )
    alone = log_prob(linear.model, levels[1:2], **settings, seed=(5, 1))[0]
    np.testing.assert_allclose(alone, found[1:2], rtol=1e-4)


@pytest.mark.thorough
def test_annealing_measures_a_hierarchy(tmp_path):
    model = zoo.ConvDRAW((4, 4, 1), num_steps=2, filters=2, latent_filters=1, kernel_size=3)
    found = annealed_importance_sampling.measure(
        model, LinearModel().data(5), num_chains=2, num_temperatures=5
    )
    assert math.isfinite(found["log_prob"])
    assert found["images"] == 5
    assert found["bits_per_dimension"] == pytest.approx(-found["log_prob"] / 16 / math.log(2))


@pytest.mark.thorough
def test_three_ways_to_the_kl_agree():
    """Average KL (on paper), marginal KL (density ratio), I (mixture), where I is below 2 nats."""
    faint = LinearModel(gains=(0.15, 0.1))
    data = faint.data(4000)
    faint.move_posterior(stretch=1.5, shift=0.8)
    found = marginal_kl.measure(faint.model, data, num_images=4000)
    average = faint.average_kl(data)
    assert 0.2 * average < faint.marginal_kl() < 0.8 * average, "either part must count"
    assert found["mutual_information"] < 2.0
    assert found["by_density_ratio"] == pytest.approx(faint.marginal_kl(), rel=0.05)
    assert found["by_mixture"] == pytest.approx(faint.marginal_kl(), rel=0.1)
    total = found["by_density_ratio"] + found["mutual_information"]
    assert total == pytest.approx(average, rel=0.03)


def test_density_ratio_in_ten_dimensions_is_within_five_percent():
    generator = np.random.default_rng(0)
    shift = np.linspace(0.0, 0.9, 10)
    scale = np.linspace(0.7, 1.2, 10)
    truth = (0.5 * (scale**2 + shift**2 - 1.0) - np.log(scale)).sum()

    def draw(num):
        return shift + scale * generator.standard_normal((num, 10))

    prior = generator.standard_normal((20_000, 10))
    logits = marginal_kl.density_ratio(draw(20_000), prior, draw(20_000), steps=2000, units=64)
    assert logits.mean() == pytest.approx(truth, rel=0.05)


def test_noise_scale_and_likelihood_are_those_of_the_model(linear, data):
    found = quantized_likelihood.measure(linear.model, data)
    # The error of a drawn z: the noise, and twice the posterior's spread.
    error = NOISE_SCALE**2 + 2 * (linear.posterior_scale**2 * (linear.weights**2).sum(0)).sum() / 16
    # Of which the posterior's mean knows part: measured where z is drawn from q(z|x).
    images = data.arrays("train")["image"].reshape(-1, 16) / 255.0
    residual = images - linear.bias
    residual -= residual @ linear.posterior_mean.T @ linear.weights.T
    expected = (residual**2).mean() + (
        linear.posterior_scale**2 * (linear.weights**2).sum(0)
    ).sum() / 16
    assert found["noise_scale"] == pytest.approx(math.sqrt(expected), rel=0.02)
    assert found["noise_scale"] < math.sqrt(error)
    # In cells of 1/255, under the normal of that scale, of test images that have the same error.
    loss = 0.5 * math.log(2 * math.pi * expected) + 0.5 + math.log(255.0)
    assert found["negative_log_likelihood"] == pytest.approx(loss, abs=0.02)
    assert found["rate"] == pytest.approx(linear.average_kl(data), rel=0.05)
    total = (found["negative_log_likelihood"] + found["rate"] / 16) / math.log(2.0)
    assert found["total"] == pytest.approx(total)


def test_quantised_normal_is_that_of_scipy():
    generator = np.random.default_rng(0)
    levels = generator.integers(0, 256, (3, 2, 2, 1), dtype=np.uint8)
    levels[0, 0] = [[0], [255]]
    # Not too far off, where SciPy's difference of two numbers near 1 has no digits left.
    means = (levels / 255.0 + 0.2 * generator.uniform(-1, 1, levels.shape)).astype(np.float32)
    normal = scipy.stats.norm(means.astype(np.float64), 0.1)
    upper = np.where(levels == 255, np.inf, (levels + 0.5) / 255.0)
    lower = np.where(levels == 0, -np.inf, (levels - 0.5) / 255.0)
    expected = -np.log(normal.cdf(upper) - normal.cdf(lower)).sum(axis=(1, 2, 3))
    found = quantized_likelihood.negative_log_likelihood(levels, means, 0.1)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_active_units_are_those_whose_mean_moves():
    unused = LinearModel(gains=(0.3, 0.2, 1e-3))
    found = active_units.measure(unused.model, unused.data(500))
    assert (found["active"], found["units"]) == (2, 3)


def test_linear_classifier_reads_what_a_latent_tells(linear):
    found = linear_classifier.measure(linear.model, linear.data(1500, num_classes=2), repeats=2)
    # The sign of z_1 given x: wrong as often as the posterior mean's sign is.
    gain = 0.3 / NOISE_SCALE
    expected = math.atan(1.0 / gain) / math.pi
    assert found["error_with_1000_labels"] == pytest.approx(expected, abs=0.03)
    assert found["error_with_100_labels"] >= found["error_with_1000_labels"] - 0.02
    assert found["chance"] == pytest.approx(0.5, abs=0.05)
    with pytest.raises(UsageError, match="needs labels"):
        linear_classifier.measure(linear.model, linear.data(50))


def test_a_model_that_draws_pixels_is_refused(data):
    model = zoo.PixelVAE((4, 4, 1), latent_dim=2, filters=2, num_blocks=1, encoder_filters=(2,))
    for measure in (quantized_likelihood.measure, annealed_importance_sampling.measure):
        with pytest.raises(UsageError, match="PixelVAE"):
            measure(model, data)


def test_the_likelihood_of_a_conditional_model_is_given_its_context():
    sizes = {"num_steps": 1, "filters": 2, "latent_filters": 1, "kernel_size": 3}
    data = datasets.load("mnist_rotate:digits", image_size=8)
    model = zoo.ConvDRAW(data.image_shape, context_shape=data.context_shape, **sizes)
    found = quantized_likelihood.measure(model, data, num_images=20)
    (batch,) = data.levels.batches("test", 20, 20)
    rates = model.infer(batch["image"], batch["context"], seed=(0, 0)).rate
    assert found["rate"] == pytest.approx(np.mean(rates), rel=1e-5)
