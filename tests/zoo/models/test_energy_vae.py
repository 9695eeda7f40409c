import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close
from tests.zoo.chains import normals
from zoo import random
from zoo.models import energy_prior

pytestmark = pytest.mark.usefixtures("uncompiled")
NUM = 8


class Conditional(keras.layers.Layer):
    """p(z_1|z_2) = N(w z_2 + m, s²) with s a bent exponential of its parameter."""

    def __init__(self, parameters):
        super().__init__()
        self.parameters = tf.Variable(np.float32(parameters))

    def call(self, z, training=False):
        weight, offset, log_scale = tf.unstack(self.parameters)
        return tf.concat([weight * z + offset, log_scale + 0.0 * z], axis=1)


class Quadratic(keras.layers.Layer):
    """A network whose share is f(z) = c z - ½ b z²."""

    def __init__(self, curvature, slope):
        super().__init__()
        self.curvature, self.slope = curvature, slope

    def call(self, z, training=False):
        return (self.slope * z - 0.5 * self.curvature * z**2) / energy_prior._SHARE


BETA = np.array([0.8, 0.3, 0.4])
CURVATURES, SLOPES = np.array([0.9, 0.4]), np.array([1.1, -0.8])


def joint(beta):
    """The prior over (z_1, z_2) in closed form: mean, precision and log Z."""
    weight, offset, log_scale = beta
    scale = np.exp(6 * np.tanh(log_scale / 6))
    normal = np.array([[1.0, -weight], [-weight, weight**2]]) / scale**2 + np.diag([0.0, 1.0])
    precision = normal + np.diag(CURVATURES)
    linear = np.array([1.0, -weight]) * offset / scale**2 + SLOPES
    mean = np.linalg.solve(precision, linear)
    log_z = 0.5 * linear @ mean - 0.5 * np.linalg.slogdet(precision)[1]
    return mean, precision, log_z - 0.5 * (offset / scale) ** 2 - np.log(scale)


def joint_model(**kwargs):
    prior = zoo.EnergyPrior(hidden_units=(2,), **kwargs)
    model = zoo.EnergyVAE(contract.IMAGE_SHAPE, (1, 1), filters=(2,), hidden_units=3, prior=prior)
    object.__setattr__(model, "top_down", [Conditional(BETA)])
    networks = [Quadratic(*pair) for pair in zip(CURVATURES, SLOPES, strict=True)]
    object.__setattr__(prior, "_networks", networks)
    return model


def as_pair(latents):
    return np.float64(np.concatenate(latents, axis=1))


# === Against closed forms ===


def test_log_z_of_a_joint_normal_is_within_three_standard_errors():
    value, error = joint_model(num_temperatures=6).estimate_log_z(seed=1)
    assert 0 < error < 0.08
    assert abs(value - joint(BETA)[2]) < 3 * error


def test_log_prior_is_the_joint_normals():
    model, (mean, precision, log_z) = joint_model(), joint(BETA)
    model.energy.log_z.assign(log_z)
    latents = tf.constant([[0.2], [1.5]]), tf.constant([[-0.4], [0.9]])
    difference = as_pair(latents) - mean
    expected = -0.5 * np.sum(difference @ precision * difference, axis=1) - np.log(2 * np.pi)
    expected += 0.5 * np.linalg.slogdet(precision)[1]
    np.testing.assert_allclose(model.log_prior(latents), expected, rtol=1e-4)


def test_chains_in_noise_have_the_latents_of_the_law_in_noise():
    """z = A ε + a, so that Λ is Aᵀ P A in ε; the Jacobian is in the prior already."""
    model, (mean, precision, _) = joint_model(num_steps=6, step_size=0.5), joint(BETA)
    weight, offset, log_scale = BETA
    matrix = np.array([[np.exp(6 * np.tanh(log_scale / 6)), weight], [0.0, 1.0]])
    shift = np.array([offset, 0.0])
    law = normals.law_of_chain(
        np.linalg.solve(matrix, mean - shift),
        matrix.T @ precision @ matrix,
        num_steps=6,
        step_size=0.5,
        start=(np.zeros(2), np.eye(2)),
    )
    latents = as_pair(model.sample_prior(4000, seed=0))
    covariance = matrix @ law[1] @ matrix.T
    error = np.sqrt(np.diag(covariance) / len(latents))
    assert (np.abs(latents.mean(axis=0) - (matrix @ law[0] + shift)) < 5 * error).all()
    np.testing.assert_allclose(np.cov(latents.T), covariance, atol=0.08)


def test_gradient_of_the_prior_network_has_the_change_of_z():
    """At exact draws of the prior its mean is that of log Z, by finite differences."""
    model, (mean, precision, _) = joint_model(), joint(BETA)
    rng = np.random.default_rng(3)
    drawn = rng.multivariate_normal(mean, np.linalg.inv(precision), 50_000).astype(np.float32)
    noise = model._noise_of((drawn[:, :1], drawn[:, 1:]), None)
    with tf.GradientTape() as tape:
        _, at_draws = model._contrast(noise)
        total = tf.reduce_mean(at_draws)
    gradient = tape.gradient(total, model.top_down[0].parameters)
    steps = 1e-5 * np.eye(3)
    exact = [(joint(BETA + step)[2] - joint(BETA - step)[2]) / 2e-5 for step in steps]
    assert min(np.abs(exact)) > 0.05, "too flat to tell"
    np.testing.assert_allclose(gradient, exact, atol=0.03)


# === The model ===


def test_noise_makes_the_latents_that_give_it_back():
    model = contract.make_model("EnergyVAE")
    noise = tuple(
        random.BatchNoise(random.as_seed(2), NUM).normal(shape, stream=index)
        for index, shape in enumerate(model._noise_shapes)
    )
    assert_close(model._noise_of(model._to_latents(noise), None), noise)


def test_without_energy_yet_the_prior_is_the_networks(images):
    model = zoo.EnergyVAE(contract.IMAGE_SHAPE, (3, 2), filters=(4,), hidden_units=6)
    record = model.infer(images, seed=1)
    noise = model._noise_of(record.latents, None)
    parameters = np.float64(model.top_down[0](record.latents[1]))[:, 3:]
    log_scales = 6 * np.tanh(parameters / 6)
    expected = sum(normals.log_standard_normal(group) for group in noise) - log_scales.sum(axis=1)
    assert_close(record.log_prior, expected)
    assert_close(record.rate, record.log_posterior - record.log_prior, 0.0)


def test_a_step_moves_energies_and_the_prior_networks(images):
    model = contract.make_model("EnergyVAE")
    with tf.GradientTape() as tape:
        record = model.infer(images, seed=2)
        noise = random.StepNoise(random.as_seed(5), NUM)
        compared = model._compare_with_prior(record, noise)
    assert_close(compared.rate, record.rate, 0.0)
    parts = model.top_down[0].trainable_weights
    parts += [w for network in model.energy._networks for w in network.trainable_weights]
    assert all(np.any(gradient) for gradient in tape.gradient(compared.rate, parts))


def test_priors_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"prior must be a zoo.EnergyPrior"):
        zoo.EnergyVAE(contract.IMAGE_SHAPE, prior="standard_normal", filters=(4,))
    own = zoo.EnergyPrior(network=keras.Sequential([keras.layers.Dense(1)]))
    with pytest.raises(ValueError, match="network= is one function of all latents"):
        zoo.EnergyVAE(contract.IMAGE_SHAPE, (3, 2), prior=own, filters=(4,))
    with pytest.raises(ValueError, match="latent_dims must be one or more ints"):
        zoo.EnergyVAE(contract.IMAGE_SHAPE, ())
