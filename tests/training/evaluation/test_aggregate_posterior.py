import keras
import numpy as np
import pytest

import zoo
from training.datasets.image_dataset import ImageDataset
from training.datasets.splits import MemorySplit
from training.evaluation import aggregate_posterior


@pytest.fixture(scope="module")
def data():
    images = np.random.default_rng(0).integers(0, 256, (600, 4, 4, 1), dtype=np.uint8)
    return ImageDataset("noise", (4, 4, 1), None, "", {"test": MemorySplit({"image": images})})


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return zoo.ConvVAE((4, 4, 1), latent_dim=3, filters=(2,), hidden_units=4)


def set_posterior(model, mean, scale):
    """Makes the posterior N(mean, scale²), whatever the image."""
    kernel, bias = model.posterior_head.weights
    kernel.assign(np.zeros(kernel.shape))
    raw = bias.numpy() * 0
    bias.assign(raw)
    posterior = model.posterior(np.zeros((1, 4, 4, 1), np.float32))
    # The head's second half is any increasing function of the scale: find it by bisection.
    low, high = -20.0, 20.0
    for _ in range(30):
        raw[3:] = (low + high) / 2
        bias.assign(raw)
        posterior = model.posterior(np.zeros((1, 4, 4, 1), np.float32))
        low, high = (raw[3], high) if float(posterior.scale[0, 0]) < scale else (low, raw[3])
    raw[:3] = mean
    bias.assign(raw)


def test_a_posterior_that_is_the_prior_has_no_distance(data, model):
    set_posterior(model, 0.0, 1.0)
    measured = aggregate_posterior.measure(model, data, num_samples=600)
    others = [aggregate_posterior.measure(model, data, seed=10 * i) for i in range(1, 5)]
    for name in ("mmd", "mmd_null"):
        values = np.array([one[name] for one in (measured, *others)])
        # Unbiased: samples of prior and posterior share no noise, which would draw them together.
        assert abs(values.mean()) < 4 * values.std(ddof=1) / np.sqrt(len(values))
        assert np.abs(values).max() < 0.005
    assert abs(measured["log_determinant"]) < 0.3
    assert (measured["dimensions"], measured["samples"]) == (3, 600)


def test_the_distance_is_that_of_known_gaussians(data, model):
    set_posterior(model, 0.5, 0.25)
    latents = aggregate_posterior.posterior_samples(model, data, "test", 600, seed=0)
    np.testing.assert_allclose(latents.mean(axis=0), 0.5, atol=0.05)
    np.testing.assert_allclose(latents.std(axis=0), 0.25, rtol=0.1)
    measured = aggregate_posterior.measure(model, data, num_samples=600)
    assert measured["log_determinant"] == pytest.approx(3 * np.log(0.25**2), abs=0.4)
    assert measured["mmd"] > 0.1


def test_without_more_samples_than_dimensions_there_is_no_log_determinant(data, model):
    assert "log_determinant" not in aggregate_posterior.measure(model, data, num_samples=3)
    assert "log_determinant" in aggregate_posterior.measure(model, data, num_samples=4)


def test_log_determinant_is_numpys_and_minus_infinity_where_singular():
    latents = np.random.default_rng(0).normal(size=(500, 4)) @ np.diag([1.0, 2.0, 3.0, 4.0])
    expected = np.log(np.linalg.det(np.cov(latents.T)))
    assert aggregate_posterior.log_determinant_of_covariance(latents) == pytest.approx(expected)
    assert aggregate_posterior.log_determinant_of_covariance(np.zeros((9, 2))) == -np.inf
