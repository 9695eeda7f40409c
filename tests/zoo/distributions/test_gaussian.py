"""The Gaussian likelihood: its density, its 256 levels against float64 SciPy, and its scale."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import zoo
from zoo.distributions import Gaussian, get_likelihood

SHAPE = (2, 3, 1)


def random_parameters(batch=4, seed=0):
    return np.random.default_rng(seed).normal(0.5, 0.4, (batch, *SHAPE)).astype(np.float32)


def random_images(batch=4, seed=1):
    return np.random.default_rng(seed).uniform(size=(batch, *SHAPE)).astype(np.float32)


def log_prob_of_levels(levels, mean, scale):
    """log P of a pixel's level under a normal cut at the middles between levels, in float64.

    Computed on the side of the mean where the two tail probabilities do not cancel.
    """
    levels, mean = np.float64(levels), np.float64(mean)
    upper = np.where(levels == 255, np.inf, (levels + 0.5) / 255 - mean) / scale
    lower = np.where(levels == 0, -np.inf, (levels - 0.5) / 255 - mean) / scale
    flipped = lower > 0
    upper, lower = np.where(flipped, -lower, upper), np.where(flipped, -upper, lower)
    log_upper, log_lower = scipy.special.log_ndtr(upper), scipy.special.log_ndtr(lower)
    return log_upper + np.log1p(-np.exp(log_lower - log_upper))


# === Density ===


@pytest.mark.parametrize("mean", ["sigmoid", "linear"])
def test_log_prob_is_that_of_independent_normals(mean):
    parameters, images = random_parameters(), random_images()
    distribution = Gaussian(scale=0.3, mean=mean)(parameters)
    means = scipy.special.expit(np.float64(parameters)) if mean == "sigmoid" else parameters
    expected = scipy.stats.norm.logpdf(images, means, 0.3).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(distribution.log_prob(images), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(distribution.mean(), means, rtol=1e-5)


def test_bfloat16_parameters_give_a_float32_distribution():
    distribution = Gaussian(scale=0.3)(tf.constant(random_parameters(), tf.bfloat16))
    assert distribution.log_prob(random_images()).dtype == tf.float32


# === 256 levels ===


@pytest.mark.parametrize("scale", [0.002, 0.05, 1.0])
def test_log_prob_of_levels_is_scipys(scale):
    likelihood = Gaussian(scale=scale, mean="linear")
    means = random_parameters(batch=200, seed=3)
    levels = np.round(255 * random_images(batch=200, seed=4))
    actual = likelihood.log_prob_of_levels(likelihood(means), np.float32(levels / 255))
    expected = log_prob_of_levels(levels, means, scale).sum(axis=(1, 2, 3))
    assert expected.min() < -1000 or scale > 0.01, "the narrow scale is to meet far bins"
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("mean", "scale"), [(0.5, 0.1), (0.0, 0.01), (1.3, 0.2), (0.3, 5.0)])
def test_probabilities_of_the_levels_sum_to_1(mean, scale):
    likelihood = Gaussian(scale=scale, mean="linear")
    levels = (np.arange(256) / 255).reshape(256, 1, 1, 1).astype(np.float32)
    log_probs = likelihood.log_prob_of_levels(likelihood(np.full_like(levels, mean)), levels)
    assert np.exp(np.float64(log_probs)).sum() == pytest.approx(1, abs=1e-4)


def test_a_pixel_between_levels_counts_as_the_nearest():
    likelihood = Gaussian(scale=0.1)
    distribution = likelihood(np.zeros((1, *SHAPE), np.float32))
    level = likelihood.log_prob_of_levels(distribution, np.full((1, *SHAPE), 100 / 255, np.float32))
    near = np.full((1, *SHAPE), 100.4 / 255, np.float32)
    np.testing.assert_allclose(likelihood.log_prob_of_levels(distribution, near), level)


def test_gradient_of_far_levels_is_finite():
    likelihood = Gaussian(scale=0.001, mean="linear")
    parameters = tf.Variable(np.zeros((1, *SHAPE), np.float32))
    with tf.GradientTape() as tape:
        value = likelihood.log_prob_of_levels(likelihood(parameters), tf.ones((1, *SHAPE)))
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, parameters)).all()


# === The scale ===


def test_a_fixed_scale_has_no_weights():
    likelihood = Gaussian(scale=0.25)
    assert likelihood.weights == []
    assert float(likelihood.scale) == 0.25
    likelihood.observe(tf.constant(4.0))
    assert float(likelihood.scale) == 0.25


def test_the_learned_scale_is_a_trainable_weight():
    likelihood = Gaussian(scale="learned")
    likelihood.log_scale.assign(np.log(0.2))
    assert float(likelihood.scale) == pytest.approx(0.2, rel=1e-5)
    parameters, images = random_parameters(), random_images()
    with tf.GradientTape() as tape:
        nats = tf.reduce_sum(likelihood(parameters).log_prob(images))
    [gradient] = tape.gradient(nats, likelihood.trainable_weights)
    squared = (images - scipy.special.expit(np.float64(parameters))) ** 2
    assert float(gradient) == pytest.approx((squared / 0.2**2 - 1).sum(), rel=1e-4)
    assert likelihood.is_trained_by_likelihood


def test_the_running_scale_is_the_root_of_a_moving_average_from_the_first_step():
    likelihood = Gaussian(decay=0.9)
    assert likelihood.trainable_weights == []
    average = None
    for squared_error in (0.04, 0.01, 0.09):
        likelihood.observe(tf.constant(squared_error))
        average = squared_error if average is None else 0.9 * average + 0.1 * squared_error
        assert float(likelihood.scale) == pytest.approx(np.sqrt(average), rel=1e-5)


@pytest.mark.parametrize("how", ["running", "learned"])
def test_the_scale_never_reaches_0(how):
    likelihood = Gaussian(scale=how)
    likelihood.weights[0].assign(0.0 if how == "running" else -100.0)
    assert float(likelihood.scale) == pytest.approx(1e-4)


def test_training_moves_the_running_scale_to_the_batchs_error(images):
    model = zoo.ConvVAE(images.shape[1:], filters=(2,), hidden_units=4)
    model.compile("sgd", run_eagerly=True)
    model.fit(images, batch_size=8, verbose=0)
    logs = model.history.history
    assert float(model.likelihood.scale) == pytest.approx(logs["rmse"][0], rel=1e-4)


# === Bad arguments ===


@pytest.mark.parametrize("scale", [0, -1.0, "fixed", None, True, float("nan")])
def test_bad_scales_are_named(scale):
    with pytest.raises(ValueError, match=r"'running', 'learned' or a positive number.*scale="):
        Gaussian(scale=scale)


def test_other_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"one of 'linear', 'sigmoid'\. .*mean='tanh'"):
        Gaussian(mean="tanh")
    with pytest.raises(ValueError, match=r"decay must be .* of at least 0 and below 1.*decay=1.5"):
        Gaussian(decay=1.5)


def test_likelihoods_are_found_by_name_and_near_names_suggested():
    assert type(get_likelihood("gaussian")) is Gaussian
    own = Gaussian(0.3)
    assert get_likelihood(own) is own
    with pytest.raises(ValueError, match=r"no likelihood 'gausian'. Did you mean gaussian"):
        get_likelihood("gausian")
