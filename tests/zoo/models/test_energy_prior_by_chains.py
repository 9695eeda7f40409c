"""A step without an encoder and with a `zoo.EnergyPrior` follows the gradient of log p(x).

Pang et al. 2020: long chains draw from posterior and prior, so that energy and decoder learn
E_{p(z|x)} ∂ log p(x, z) - E_{p(z)} ∂f(z). One latent; log p(x) in float64 on a grid.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import random
from zoo.distributions import Gaussian
from zoo.models import energy_prior

pytestmark = pytest.mark.usefixtures("uncompiled")
NUM, SHAPE, SCALE = 10_000, (2, 2, 1), 0.8
IMAGE = np.array([0.9, 0.1, 0.7, 0.4])
GRID = np.linspace(-7.0, 7.0, 701)
# Of the energy's network, then of the linear decoder.
WEIGHTS = [np.array([[1.2, -0.8]]), np.array([0.5, 0.3]), np.array([[6.0], [4.0]])]
WEIGHTS += [np.array([[0.7, -0.5, 0.4, 0.2]]), np.array([0.3, 0.5, 0.1, 0.6])]


def log_likelihood(weights):
    """Log p(x) up to a constant."""
    matrix, vector, last, slope, offset = weights
    z = GRID[:, None]
    exponent = energy_prior._SHARE * (np.tanh(z @ matrix + vector) @ last)[:, 0]
    log_prior = exponent - 0.5 * GRID**2
    log_joint = log_prior - 0.5 * np.sum((IMAGE - z @ slope - offset) ** 2, axis=1) / SCALE**2
    return np.log(np.sum(np.exp(log_joint))) - np.log(np.sum(np.exp(log_prior)))


def exact_gradient(step=1e-4):
    """By central differences, one vector for each of the weights."""
    gradient = []
    for which, weight in enumerate(WEIGHTS):
        units = step * np.eye(weight.size).reshape(-1, *weight.shape)
        moved = [
            [[*WEIGHTS[:which], weight + sign * u, *WEIGHTS[which + 1 :]] for sign in (1, -1)]
            for u in units
        ]
        values = np.array([[log_likelihood(each) for each in pair] for pair in moved])
        gradient.append((values[:, 0] - values[:, 1]) / (2 * step))
    return gradient


def make_model():
    """A model with these weights, and these as variables."""
    hidden, last = keras.layers.Dense(2, "tanh"), keras.layers.Dense(1, use_bias=False)
    network, dense = keras.Sequential([hidden, last]), keras.layers.Dense(4)
    model = zoo.ShortRunModel(
        SHAPE,
        latent_dims=(1,),
        num_steps=100,
        step_size=0.2,
        filters=(1,),
        hidden_units=1,
        likelihood=Gaussian(scale=SCALE, mean="linear"),
        prior=zoo.EnergyPrior(network=network, num_steps=150, step_size=0.25),
    )
    model.decoder = keras.Sequential([keras.Input((1,)), dense, keras.layers.Reshape(SHAPE)])
    variables = [*network.weights, *dense.weights]
    for variable, value in zip(variables, WEIGHTS, strict=True):
        variable.assign(value)
    return model, [variable.value for variable in variables]


def test_a_step_follows_the_gradient_of_the_likelihood():
    model, variables = make_model()
    images = np.float32(np.tile(IMAGE.reshape(1, *SHAPE), (NUM, 1, 1, 1)))

    @tf.function(autograph=False)
    def gradient():
        with tf.GradientTape() as tape:
            record = model.infer(images, seed=random.BatchNoise(random.as_seed(1), NUM))
            noise = random.BatchNoise(random.as_seed(2), NUM)
            record = model._compare_with_prior(record, noise)
            loss = tf.reduce_mean(record.distortion + record.rate)
        return tape.gradient(loss, variables)

    for found, exact in zip(gradient(), exact_gradient(), strict=True):
        assert np.abs(exact).min() > 0.03, "too flat to tell"
        np.testing.assert_allclose(np.ravel(found), -exact, atol=0.02)
