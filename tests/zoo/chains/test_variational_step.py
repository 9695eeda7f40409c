"""The criterion of Nijkamp et al. 2020 for the step size, against its closed form."""

import numpy as np
import pytest
import tensorflow as tf

from zoo import random
from zoo.chains.variational_step import choose_step_size, fixed_noise_kl

_PRECISIONS = np.array([1.3, 8.3, 25.8])  # Of a linear decoder's posterior N(0, Λ⁻¹), rotated.


def _posterior():
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    return rotation @ np.diag(_PRECISIONS) @ rotation.T


def _log_density(precision, means):
    """Log π of latents in two groups, of one and of two."""

    def log_density(latents):
        z = tf.concat(latents, axis=-1)
        z -= tf.constant(means, z.dtype)
        return -0.5 * tf.einsum("bi,ij,bj->b", z, tf.constant(precision, z.dtype), z)

    return log_density


def _means(num_rows, rng):
    """Posterior means of a linear model's data, whose covariance is I - Λ⁻¹."""
    covariance = np.eye(3) - np.linalg.inv(_posterior())
    return rng.multivariate_normal(np.zeros(3), covariance, num_rows)


def _closed_form(step_size, num_steps):
    """KL_fix without log π's integral: E[log p(z_0)] - K log|A| + E[(z_K-μ)ᵀΛ(z_K-μ)] / 2."""
    shrink = 1 - step_size**2 / 2 * _PRECISIONS
    powers = shrink ** (2 * np.arange(num_steps + 1)[:, None])
    variance = powers[-1] + step_size**2 * powers[:-1].sum(axis=0)
    square = variance + powers[-1] * (1 - 1 / _PRECISIONS)
    determinant = num_steps * np.log(np.abs(shrink)).sum()
    return -1.5 - determinant + 0.5 * np.sum(_PRECISIONS * square)


def test_the_bound_is_the_closed_form_in_the_mean():
    rng = np.random.default_rng(1)
    num_rows, num_steps, step_size = 20_000, 5, 0.2
    start = (rng.normal(size=(num_rows, 1)), rng.normal(size=(num_rows, 2)))
    pushes = tf.constant(rng.normal(size=(num_rows, num_steps, 3)))
    log_density = _log_density(_posterior(), _means(num_rows, rng))
    values = fixed_noise_kl(log_density, start, pushes, step_size).numpy()
    error = np.std(values) / np.sqrt(num_rows)
    assert np.mean(values) == pytest.approx(_closed_form(step_size, num_steps), abs=4 * error)
    assert error < 0.02


def test_choices_come_to_the_least_bound():
    sizes = np.linspace(0.01, 0.25, 481)
    best = sizes[np.argmin([_closed_form(size, 5) for size in sizes])]
    assert best == pytest.approx(0.172, abs=1e-3)
    log_density = _log_density(_posterior(), _means(500, np.random.default_rng(2)))

    @tf.function
    def choose(step_size, index):
        noise = random.RowNoise(random.row_seeds(random.derive(random.as_seed(0), index), 500))
        start = (noise.normal([1], stream=1), noise.normal([2], stream=2))
        return choose_step_size(log_density, start, noise, 5, step_size)

    step_size = tf.constant(0.05)
    for index in range(8):
        step_size = choose(step_size, tf.constant(index))
    assert float(step_size) == pytest.approx(best, rel=0.2)
