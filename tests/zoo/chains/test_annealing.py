import numpy as np
import pytest
import tensorflow as tf

from tests.zoo.chains import normals
from zoo import random
from zoo.chains import annealed_log_weights, inverse_temperatures, log_mean


def test_log_normaliser_of_a_tilted_normal_is_within_three_standard_errors():
    """exp(-½zᵀBz + cᵀz) N(0, I): log Z = ½cᵀ(I+B)⁻¹c - ½log|I+B|."""
    matrix, vector = normals.random_precision(2), np.array([1.0, -0.5])
    exact = 0.5 * vector @ np.linalg.solve(np.eye(2) + matrix, vector)
    exact -= 0.5 * np.linalg.slogdet(np.eye(2) + matrix)[1]
    quadratic = normals.log_density(np.zeros(2), matrix)

    def log_densities(latents):
        z = latents[0]
        linear = tf.linalg.matvec(z, np.float32(vector))
        return normals.log_standard_normal(z), quadratic(latents) + linear

    noise = random.BatchNoise(random.as_seed(0), 1000)
    run = tf.function(annealed_log_weights, autograph=False)
    start = (noise.normal([2]),)
    weights, acceptance = run(log_densities, start, noise_of(1000), inverse_temperatures(20))
    value, error = log_mean(weights)
    assert 0 < error < 0.05
    assert abs(value - exact) < 3 * error
    assert 0.5 < acceptance <= 1.0


def noise_of(num):
    return random.BatchNoise(random.as_seed(1), num)


def test_inverse_temperatures_rise_from_0_to_1():
    betas = inverse_temperatures(7)
    assert (len(betas), betas[0], betas[-1]) == (8, 0.0, 1.0)
    assert (np.diff(betas) > 0).all()


def test_log_mean_and_its_error_are_those_of_the_weights_far_from_1():
    logs = np.random.default_rng(0).normal(size=500)
    weights = np.exp(logs)
    value, error = log_mean(logs + 1000.0)
    assert value == pytest.approx(1000.0 + np.log(weights.mean()))
    assert error == pytest.approx(weights.std() / weights.mean() / np.sqrt(500))
