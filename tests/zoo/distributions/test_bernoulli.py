"""Bernoulli and continuous Bernoulli against float64 closed forms and numerical integration."""

import itertools

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import tensorflow as tf

from zoo.distributions import Bernoulli, ContinuousBernoulli

LOGITS = [0.0, 1e-6, -1e-3, 0.05, -0.3, 2.0, -8.0, 25.0, -60.0]
LEVELS = (np.arange(256) / 255).reshape(256, 1, 1, 1).astype(np.float32)


def log_normaliser(logit):
    """log of the integral of exp(η x) over [0, 1], in float64."""
    if abs(logit) < 1e-4:
        return logit / 2 + logit**2 / 24
    return max(logit, 0) + np.log(-np.expm1(-abs(logit)) / abs(logit))


def level_masses(logit):
    """Probability of each level by numerical integration of exp(η x) over the pixels nearest it."""
    edges = np.clip((np.arange(257) - 0.5) / 255, 0, 1)
    normaliser = log_normaliser(logit)

    def density(x):
        return np.exp(logit * x - normaliser)

    bins = itertools.pairwise(edges)
    return np.array([scipy.integrate.quad(density, low, high)[0] for low, high in bins])


def masses_of(likelihood, logit):
    distribution = likelihood(np.full((256, 1, 1, 1), logit, np.float32))
    return np.exp(np.float64(likelihood.log_prob_of_levels(distribution, LEVELS)))


# === Continuous Bernoulli ===


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_density_is_the_closed_form(logit):
    pixels = np.linspace(0, 1, 11, dtype=np.float32).reshape(-1, 1, 1, 1)
    distribution = ContinuousBernoulli()(np.full(pixels.shape, logit, np.float32))
    expected = logit * np.float64(pixels.ravel()) - log_normaliser(logit)
    np.testing.assert_allclose(distribution.log_prob(pixels), expected, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_levels_have_their_integrals_as_masses(logit):
    masses, expected = masses_of(ContinuousBernoulli(), logit), level_masses(logit)
    np.testing.assert_allclose(masses, expected, rtol=1e-3, atol=1e-30)
    assert masses.sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_mean_is_the_integral_of_x(logit):
    normaliser = log_normaliser(logit)
    expected = scipy.integrate.quad(lambda x: x * np.exp(logit * x - normaliser), 0, 1)[0]
    mean = ContinuousBernoulli()(np.full((1, 1, 1, 1), logit, np.float32)).mean()
    assert float(mean[0, 0, 0, 0]) == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(
    "likelihood", [Bernoulli(), ContinuousBernoulli()], ids=lambda kind: kind.name
)
def test_gradients_are_finite_at_every_logit(likelihood):
    logits = tf.Variable(np.reshape(LOGITS, (-1, 1, 1, 1)).astype(np.float32))
    images = tf.cast(tf.range(len(LOGITS)) % 2, tf.float32)[:, None, None, None]
    for measure in (
        lambda d: d.log_prob(images),
        lambda d: likelihood.log_prob_of_levels(d, images),
        lambda d: tf.reduce_sum(d.mean()),
    ):
        with tf.GradientTape() as tape:
            value = measure(likelihood(logits))
        assert np.isfinite(value).all()
        assert np.isfinite(tape.gradient(value, logits)).all()


# === Bernoulli ===


def test_bernoulli_log_prob_is_the_cross_entropy():
    rng = np.random.default_rng(0)
    logits, images = rng.normal(0, 3, (4, 2, 3, 1)), rng.integers(0, 2, (4, 2, 3, 1))
    distribution = Bernoulli()(np.float32(logits))
    probability = scipy.special.expit(logits)
    expected = np.log(np.where(images == 1, probability, 1 - probability)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(distribution.log_prob(np.float32(images)), expected, rtol=1e-4)
    np.testing.assert_allclose(distribution.mean(), probability, rtol=1e-5)
    of_levels = Bernoulli().log_prob_of_levels(distribution, np.float32(images))
    np.testing.assert_allclose(of_levels, expected, rtol=1e-4)


def test_bernoulli_gives_grey_images_no_probability():
    masses = masses_of(Bernoulli(), 0.7)
    assert np.count_nonzero(masses) == 2
    assert masses.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", [Bernoulli, ContinuousBernoulli])
def test_likelihoods_come_back_from_their_config(kind):
    config = keras.saving.serialize_keras_object(kind())
    assert type(keras.saving.deserialize_keras_object(config)) is kind
