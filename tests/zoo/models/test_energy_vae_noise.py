"""Chains of `zoo.EnergyVAE` in noise ε and in latents z = T(ε): one law, that of a grid in float64.

The scale of z_1 depends on z_2, so that the Jacobian of T is no constant: a density in ε that has
it, as public code does, which evaluates log p_β(z) at T(ε), is of another law.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo import random
from zoo.models import energy_prior
from zoo.sampling import langevin

NUM = 3000
WEIGHT, OFFSET, STEEPNESS = 0.5, 0.3, 0.5  # z_1 ~ N(0.5 z_2 + 0.3, exp(0.5 z_2)²), nearly.
WALK = {"num_steps": 100, "step_size": 0.3}


class Conditional(keras.layers.Layer):
    """The parameters of p(z_1|z_2)."""

    def call(self, z, training=False):
        return tf.concat([WEIGHT * z + OFFSET, STEEPNESS * z], axis=1)


class Bump(keras.layers.Layer):
    """A network whose share is f(z) = height · exp(-(z - at)²)."""

    def __init__(self, height, at):
        super().__init__()
        self.height, self.at = height, at

    def share(self, z):
        return self.height * np.exp(-((z - self.at) ** 2))

    def call(self, z, training=False):
        return self.height * tf.exp(-((z - self.at) ** 2)) / energy_prior._SHARE


BUMPS = [Bump(1.5, -0.6), Bump(1.0, 0.5)]


def make_model():
    prior = zoo.EnergyPrior(hidden_units=(1,), **WALK)
    model = zoo.EnergyVAE(contract.IMAGE_SHAPE, (1, 1), filters=(2,), hidden_units=3, prior=prior)
    object.__setattr__(model, "top_down", [Conditional()])
    object.__setattr__(prior, "_networks", BUMPS)
    return model


# === Moments E z_1, E z_2, E z_2² in float64 ===

AXIS = np.linspace(-7.0, 7.0, 401)
ABOVE = AXIS[None, :]
LOG_SCALE = 6 * np.tanh(STEEPNESS * ABOVE / 6)


def moments(z_1, z_2, log_density):
    density = np.exp(log_density)
    values = (z_1, z_2, z_2**2)
    return np.array([np.sum(value * density) for value in values]) / density.sum()


def moments_in_latents():
    """On a grid of z, by the density of z."""
    z_1 = np.linspace(-60.0, 60.0, 4001)[:, None]
    residuals = (z_1 - WEIGHT * ABOVE - OFFSET) / np.exp(LOG_SCALE)
    log_density = BUMPS[0].share(z_1) + BUMPS[1].share(ABOVE)
    return moments(z_1, ABOVE, log_density - 0.5 * (residuals**2 + ABOVE**2) - LOG_SCALE)


def moments_in_noise(jacobian=0.0):
    """On a grid of ε, with so many times the Jacobian's -log σ."""
    noise = AXIS[:, None]
    z_1 = WEIGHT * ABOVE + OFFSET + np.exp(LOG_SCALE) * noise
    log_density = BUMPS[0].share(z_1) + BUMPS[1].share(ABOVE)
    return moments(z_1, ABOVE, log_density - 0.5 * (noise**2 + ABOVE**2) - jacobian * LOG_SCALE)


# === Moments of chains ===


def distance(latents, exact):
    """The largest distance of the chains' moments from exact ones, in standard errors."""
    below, above = (np.float64(group)[:, 0] for group in latents)
    values = np.stack([below, above, above**2])
    errors = values.std(axis=1) / np.sqrt(NUM)
    assert errors.max() < 0.04, "too few chains to tell"
    return np.abs((values.mean(axis=1) - exact) / errors).max()


def walk_in_noise(model):
    return model.sample_prior(NUM, seed=1)


def walk_in_latents(model):
    """From a draw of the prior without its energies."""
    noise = random.BatchNoise(random.as_seed(2), NUM)
    start = model._to_latents((noise.normal([1], stream=0), noise.normal([1], stream=1)))

    def log_density(latents):
        return model._log_prior(latents, None)

    def run():
        return langevin(log_density, start, noise.fold(0), 150, 0.25).latents

    return tf.function(run, autograph=False)()


def test_the_density_in_noise_has_no_jacobian():
    exact = moments_in_latents()
    np.testing.assert_allclose(moments_in_noise(), exact, atol=1e-6)
    assert exact[1] == pytest.approx(-0.018, abs=1e-3)
    assert moments_in_noise(jacobian=1.0)[1] == pytest.approx(-0.430, abs=1e-3)


@pytest.mark.parametrize("walk", [walk_in_noise, walk_in_latents])
def test_chains_in_noise_and_in_latents_have_the_moments_of_the_grid(walk):
    assert distance(walk(make_model()), moments_in_latents()) < 4


def test_chains_on_a_density_that_has_the_jacobian_are_told_apart(monkeypatch):
    """The control: the comparison above can fail."""
    model = make_model()

    def exponent(to_latents):
        def value(noise):
            latents = to_latents(noise)
            # The chain adds log N(ε; 0, I) itself, which log p_β has, too.
            normal = 0.5 * tf.add_n([group[:, 0] ** 2 for group in noise])
            return model.energy.exponent(latents) + model._log_base(latents) + normal

        return value

    monkeypatch.setattr(model.energy, "_of_noise", exponent)
    latents = walk_in_noise(model)
    assert distance(latents, moments_in_noise(jacobian=1.0)) < 4
    assert distance(latents, moments_in_latents()) > 15
