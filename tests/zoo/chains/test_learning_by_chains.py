"""A linear decoder learned from ends of short chains, beside probabilistic PCA (Tipping 1999).

The likelihood's equation with a chain's law for the posterior (Nijkamp et al. 2020, Section 3):
long chains lead to the maximum of the likelihood, short ones to another variance of the pixels.
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.zoo.chains.normals import law_of_chain
from zoo import random
from zoo.sampling import langevin

NUM, STEP_SIZE = 1000, 0.2
START = np.eye(8, 1)


@pytest.fixture(scope="module")
def images():
    """Rows of eight pixels that a latent explains but for a variance of 0.25."""
    rng = np.random.default_rng(0)
    weights = 0.4 * rng.standard_normal((8, 1))
    images = rng.standard_normal((NUM, 1)) @ weights.T + 0.5 * rng.standard_normal((NUM, 8))
    return images - images.mean(axis=0)


def variance_of_pca(images):
    """The maximum of the likelihood: the mean of the eigenvalues that the latent leaves."""
    return np.linalg.eigvalsh(images.T @ images / NUM)[:-1].mean()


def learn(moments, images, iterations=12):
    """Solves the likelihood's equation again and again; returns the mean of the last variances.

    Args:
        moments: A function of weights, variance and iteration to E[x zᵀ] and E[z zᵀ].
    """
    weights, variance, variances = START, 1.0, []
    for iteration in range(iterations):
        cross, second = moments(weights, variance, iteration)
        weights = cross @ np.linalg.inv(second)
        variance = (np.sum(images**2) / NUM - np.sum(weights * cross)) / images.shape[1]
        variances.append(variance)
    return np.mean(variances[-6:])


def moments_of_chains(images, num_steps):
    """By chains of the library, one for each image."""

    @tf.function
    def ends(weights, variance, seed):
        def log_density(latents):
            residuals = tf.cast(images, tf.float32) - tf.matmul(
                latents[0], weights, transpose_b=True
            )
            squares = tf.reduce_sum(residuals**2, 1) / variance + tf.reduce_sum(latents[0] ** 2, 1)
            return -0.5 * squares

        noise = random.BatchNoise(seed, NUM)
        start = (noise.normal([1], stream=9),)
        return langevin(log_density, start, noise, num_steps, STEP_SIZE).latents[0]

    def moments(weights, variance, iteration):
        seed = tf.constant([num_steps, iteration])
        z = ends(tf.constant(weights, tf.float32), tf.constant(variance, tf.float32), seed)
        z = z.numpy().astype(np.float64)
        return images.T @ z / NUM, z.T @ z / NUM

    return moments


def moments_of_law(images, num_steps):
    """By the chain's law in closed form: its mean is linear in the image."""
    covariance = images.T @ images / NUM

    def moments(weights, variance, iteration):
        precision = np.eye(1) + weights.T @ weights / variance
        start = np.zeros(1), np.eye(1)
        _, spread = law_of_chain(np.zeros(1), precision, num_steps, STEP_SIZE, start)
        stays = np.linalg.matrix_power(np.eye(1) - 0.5 * STEP_SIZE**2 * precision, num_steps)
        reached = (np.eye(1) - stays) @ np.linalg.solve(precision, weights.T) / variance
        return covariance @ reached.T, reached @ covariance @ reached.T + spread

    return moments


def test_long_chains_learn_the_variance_of_probabilistic_pca(images):
    learned = learn(moments_of_chains(images, 100), images)
    assert learned == pytest.approx(variance_of_pca(images), rel=0.02)


def test_short_chains_learn_another_that_their_law_foretells(images):
    learned = learn(moments_of_chains(images, 5), images)
    assert learned == pytest.approx(learn(moments_of_law(images, 5), images, 300), rel=0.02)
    assert learned > 1.2 * variance_of_pca(images)
