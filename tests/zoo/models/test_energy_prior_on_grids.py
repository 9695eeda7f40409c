"""`zoo.EnergyPrior` over one and two latents against its density on a grid, in float64.

A small network that is no quadratic tilts N(0, I) so that moments are clearly others. Chains of
many small steps reach its moments, and a step's gradient of log Z is the grid's.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import random
from zoo.models import energy_prior

NUM = 2500
WALK = {"num_steps": 100, "step_size": 0.3}
SHAPE = (2, 2, 1)


def weights_of(num_latents):
    """The matrices and vectors of a network with three hidden units, float64."""
    rng = np.random.default_rng(4 + num_latents)
    hidden = rng.normal(size=(num_latents, 3)), rng.normal(size=3)
    return [*hidden, 7 * rng.normal(size=(3, 1)), np.array([0.4])]


def make_model(num_latents):
    network = keras.Sequential([keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)])
    prior = zoo.EnergyPrior(network=network, **WALK)
    model = zoo.ConvVAE(SHAPE, num_latents, filters=(1,), hidden_units=2, prior=prior)
    network.set_weights(weights_of(num_latents))
    return model


# === On a grid ===


def grid(num_latents):
    axes = np.meshgrid(*[np.linspace(-7.0, 7.0, 281)] * num_latents)
    return np.stack([axis.ravel() for axis in axes], axis=1)


def log_density(weights, points):
    """f(z) - ½‖z‖²."""
    matrix, vector, last, constant = weights
    network = np.tanh(points @ matrix + vector) @ last + constant
    return energy_prior._SHARE * network[:, 0] - 0.5 * np.sum(points**2, axis=1)


def log_z(weights, points):
    return np.log(np.sum(np.exp(log_density(weights, points))))  # Up to a constant.


def exact_gradient(weights, points, step=1e-4):
    """Of log Z, by central differences, as the weights are shaped."""
    gradient = [np.zeros_like(weight) for weight in weights]
    for which, weight in enumerate(weights):
        for index in np.ndindex(weight.shape):
            moved = [[w.copy() for w in weights] for _ in range(2)]
            for sign, each in zip((1, -1), moved, strict=True):
                each[which][index] += sign * step
            up, down = (log_z(each, points) for each in moved)
            gradient[which][index] = (up - down) / (2 * step)
    return gradient


def monomials(latents):
    """The latents, and their products of two."""
    z = np.float64(latents)
    products = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i + 1)]
    return np.stack([*z.T, *products], axis=1)


# === The tests ===


@pytest.mark.parametrize("num_latents", [1, 2])
def test_chains_have_the_moments_of_the_grid(num_latents):
    points = grid(num_latents)
    density = np.exp(log_density(weights_of(num_latents), points))
    exact = density @ monomials(points) / density.sum()
    of_normal = {1: [0.0, 1.0], 2: [0.0, 0.0, 1.0, 0.0, 1.0]}[num_latents]
    values = monomials(make_model(num_latents).sample_prior(NUM, seed=1)[0])
    error = values.std(axis=0) / np.sqrt(NUM)
    assert np.abs(exact - of_normal).max() > 20 * error.max(), "too flat to tell"
    # And some for the size of the steps, by which chains are wider by a share of s²/4.
    assert (np.abs(values.mean(axis=0) - exact) < 4 * error + 0.02).all()


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("num_latents", [1, 2])
def test_a_step_has_the_gradient_of_log_z_of_the_grid(num_latents):
    model, weights = make_model(num_latents), weights_of(num_latents)
    images = np.full((NUM, *SHAPE), 0.5, np.float32)
    record = model.infer(images, seed=1)

    @tf.function(autograph=False)
    def gradient():
        noise = random.BatchNoise(random.as_seed(2), NUM)
        with tf.GradientTape() as tape:
            compared = model._compare_with_prior(record, noise)
            added = tf.reduce_mean(compared.rate - record.rate)
        return tape.gradient(added, model.energy.trainable_weights)

    found, exact = (
        np.concatenate([np.ravel(part) for part in parts])
        for parts in (gradient(), exact_gradient(weights, grid(num_latents)))
    )
    assert np.linalg.norm(found - exact) < 0.06 * np.linalg.norm(exact)
