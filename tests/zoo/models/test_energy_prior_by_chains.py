"""A `zoo.EnergyPrior` where chains infer: a step, and the bound of a second stage.

Pang et al. 2020: long chains draw from posterior and prior, so that energy and decoder learn
∂ log p(x) = E_{p(z|x)} ∂ log p(x, z) - E_{p(z)} ∂f(z). One latent; p(x) in float64 on a grid.
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


def log_prior_on_grid(weights):
    """f(z) - ½z²."""
    matrix, vector, last = weights
    network = np.tanh(GRID[:, None] @ matrix + vector) @ last
    return energy_prior._SHARE * network[:, 0] - 0.5 * GRID**2


def log_likelihood(weights):
    """Log p(x) up to a constant."""
    *energy, slope, offset = weights
    z, log_prior = GRID[:, None], log_prior_on_grid(energy)
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


def make_prior():
    layers = [keras.layers.Dense(2, "tanh"), keras.layers.Dense(1, use_bias=False)]
    return zoo.EnergyPrior(network=keras.Sequential(layers), num_steps=150, step_size=0.25)


def make_model(prior="standard_normal", num_steps=100):
    dense = keras.layers.Dense(4)
    model = zoo.ShortRunModel(
        SHAPE,
        latent_dims=(1,),
        num_steps=num_steps,
        step_size=0.2,
        filters=(1,),
        hidden_units=1,
        likelihood=Gaussian(scale=SCALE, mean="linear"),
        prior=prior,
    )
    model.decoder = keras.Sequential([keras.Input((1,)), dense, keras.layers.Reshape(SHAPE)])
    return model


def set_weights(model, prior):
    """Sets these weights; returns them as variables."""
    variables = [*prior.network.weights, *model.decoder.layers[0].weights]
    for variable, value in zip(variables, WEIGHTS, strict=True):
        variable.assign(value)
    return [variable.value for variable in variables]


def images_of(num):
    return np.float32(np.tile(IMAGE.reshape(1, *SHAPE), (num, 1, 1, 1)))


def test_a_step_follows_the_gradient_of_the_likelihood():
    prior = make_prior()
    model = make_model(prior)
    variables = set_weights(model, prior)
    images = images_of(NUM)

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


def test_the_bound_of_a_second_stage_has_weights_with_the_mean_of_the_grid():
    """Weights of 256-level images: chains climb the frozen model's density, and f weighs them."""
    prior = make_prior()
    model = zoo.models.TiltedModel(make_model(num_steps=10), prior)
    set_weights(model.backbone, prior)
    log_prior = log_prior_on_grid(WEIGHTS[:3])
    log_z = np.log(np.sum(np.exp(log_prior)) * (GRID[1] - GRID[0]) / np.sqrt(2 * np.pi))
    assert abs(log_z) > 0.1, "too flat to tell"
    model.energy.log_z.assign(log_z)
    decoded = model.decode((np.float32(GRID[:, None]),))
    of_levels = model.likelihood.log_prob_of_levels(decoded, images_of(len(GRID)))
    density = np.exp(log_prior)
    exact = np.sum(density * np.exp(np.float64(of_levels))) / density.sum()
    weights = np.exp(np.float64(model.log_prob(images_of(4000), num_samples=1))) / exact
    error = weights.std() / np.sqrt(len(weights))
    assert error < 0.03, "too few paths to tell"
    assert abs(weights.mean() - 1.0) < 4 * error
