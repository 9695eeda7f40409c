"""Diagonal normals against closed forms in float64 NumPy and SciPy."""

import numpy as np
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.distributions import normals


def random_normals(shape, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape), rng.uniform(0.2, 3.0, size=shape)


def as_tfp(mean, scale):
    return tfp.distributions.Normal(np.float32(mean), np.float32(scale))


def test_kl_divergence_sums_the_closed_form_over_a_row():
    (m, s), (n, t) = random_normals((3, 2, 4, 5), 0), random_normals((3, 2, 4, 5), 1)
    expected = (np.log(t / s) + (s**2 + (m - n) ** 2) / (2 * t**2) - 0.5).sum(axis=(1, 2, 3))
    actual = normals.kl_divergence(as_tfp(m, s), as_tfp(n, t))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_kl_divergence_to_the_standard_normal():
    m, s = random_normals((3, 5), 2)
    expected = 0.5 * (s**2 + m**2 - 1 - np.log(s**2)).sum(axis=1)
    actual = normals.kl_divergence(as_tfp(m, s), normals.standard_normal())
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_log_prob_sums_over_a_row():
    (m, s), (x, _) = random_normals((3, 2, 5), 3), random_normals((3, 2, 5), 4)
    expected = scipy.stats.norm.logpdf(x, m, s).sum(axis=(1, 2))
    actual = normals.log_prob(as_tfp(m, s), tf.constant(x, tf.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    of_prior = normals.log_prob(normals.standard_normal(), tf.constant(x, tf.float32))
    np.testing.assert_allclose(of_prior, scipy.stats.norm.logpdf(x).sum(axis=(1, 2)), rtol=1e-5)


def test_parameters_are_a_mean_and_a_log_scale_bent_into_6():
    parameters = tf.constant([[1.0, -2.0, 0.5, 1e4], [3.0, 4.0, -1.0, -1e4]])
    normal = normals.normal_from_parameters(parameters)
    np.testing.assert_allclose(normal.loc, [[1.0, -2.0], [3.0, 4.0]])
    expected = np.exp(6 * np.tanh(np.array([[0.5, 1e4], [-1.0, -1e4]]) / 6))
    np.testing.assert_allclose(normal.scale, expected, rtol=1e-5)


def test_bfloat16_parameters_give_float32_normals():
    normal = normals.normal_from_parameters(tf.ones([1, 2], tf.bfloat16))
    assert normal.loc.dtype == normal.scale.dtype == tf.float32
