"""The step of `zoo.EnergyVAE`: its value and all of its gradient against its objective on a grid.

The objective of Cui, Wu & Han 2023 for one image and two layers of one latent each,

    E_q [log q(z|x) - log p_β(z) - f_1(z_1) - f_2(z_2) - log p(x|z_1)] + log Z(α, β),

in float64 on a grid of z, differentiated by finite differences. The model has the same functions as
networks; its draws of the posterior and of the prior are nodes of a quadrature in the noise.
"""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import random
from zoo.distributions import Gaussian
from zoo.models import energy_prior

pytestmark = pytest.mark.usefixtures("uncompiled")
SCALE = 0.5
IMAGE = np.array([0.9, 0.2, 0.6, 0.4])


# === The networks: columns of a parameter vector v and an input, in NumPy or TensorFlow ===


def encode(m, v, x):
    return [v[0] + v[1] * m.tanh(x[:, :1] + v[2] * x[:, 1:2]), v[3] + v[4] * x[:, 2:3]]


def encode_up(m, v, z):
    return [v[0] + v[1] * m.tanh(z), v[2] + v[3] * m.tanh(z)]


def lead_down(m, v, z):
    return [v[0] + v[1] * z + v[2] * m.tanh(z), v[3] + v[4] * m.tanh(z)]


def decode(m, v, z):
    return [v[0] + v[1] * z, v[2] * m.tanh(z), v[3] * m.tanh(v[4] * z), v[5] - 0.3 * z]


def tilt(m, v, z):
    return [v[0] * m.tanh(v[1] * z + v[2]) - v[3] * z**2]


PARAMETERS = {
    "encoder": (encode, [0.4, -0.9, 0.7, -0.5, 0.4]),
    "encoder_up": (encode_up, [0.3, 0.8, -0.2, 0.5]),
    "top_down": (lead_down, [-0.2, 0.7, 0.4, -0.3, 0.6]),
    "decoder": (decode, [0.4, 0.5, 0.6, 0.3, 1.2, 0.5]),
    "energy": (tilt, [4.0, 0.9, -0.4, 0.7]),
    "energy_up": (tilt, [-5.0, 1.1, 0.3, -0.5]),
}


class Network(keras.layers.Layer):
    """One of these functions."""

    def __init__(self, name):
        super().__init__()
        self.function, values = PARAMETERS[name]
        self.parameters = tf.Variable(np.float32(values))

    def call(self, inputs, training=False):
        return tf.concat(self.function(tf, self.parameters, inputs), axis=1)


def make_networks():
    """Returns a model that is made of these functions, and these by name."""
    prior = zoo.EnergyPrior(hidden_units=(1,))
    model = zoo.EnergyVAE(
        (2, 2, 1),
        latent_dims=(1, 1),
        filters=(1,),
        hidden_units=1,
        likelihood=Gaussian(scale=SCALE, mean="linear"),
        prior=prior,
    )
    made = {name: Network(name) for name in PARAMETERS}
    model.encoder = keras.layers.Flatten()
    model.posterior_head = made["encoder"]
    model.decoder = keras.Sequential([made["decoder"], keras.layers.Reshape((2, 2, 1))])
    for owner, name, networks in (
        (model, "bottom_up", [made["encoder_up"]]),
        (model, "top_down", [made["top_down"]]),
        (prior, "_networks", [made["energy"], made["energy_up"]]),
    ):
        object.__setattr__(owner, name, networks)
    return model, made


# === The objective, in float64 ===

AXIS = np.linspace(-7.0, 7.0, 141)
BELOW, ABOVE = AXIS[:, None], AXIS[None, :]
AREA = (AXIS[1] - AXIS[0]) ** 2


def log_normal(x, parameters):
    mean, log_scale = parameters
    log_scale = 6 * np.tanh(log_scale / 6)
    return -0.5 * ((x - mean) / np.exp(log_scale)) ** 2 - log_scale - 0.5 * np.log(2 * np.pi)


def objective(values):
    """Returns the objective and log Z for parameter vectors by name."""
    apply = {
        name: lambda z, name=name: PARAMETERS[name][0](np, values[name], z) for name in PARAMETERS
    }
    log_q = log_normal(BELOW, apply["encoder"](IMAGE[None])) + log_normal(
        ABOVE, apply["encoder_up"](BELOW)
    )
    log_p = log_normal(BELOW, apply["top_down"](ABOVE)) + log_normal(ABOVE, (0.0, 0.0))
    exponent = energy_prior._SHARE * (apply["energy"](BELOW)[0] + apply["energy_up"](ABOVE)[0])
    log_z = np.log(np.sum(np.exp(log_p + exponent)) * AREA)
    means = apply["decoder"](BELOW)
    squares = sum((x - mean) ** 2 for x, mean in zip(IMAGE, means, strict=True))
    log_likelihood = -0.5 * squares / SCALE**2 - len(IMAGE) * np.log(SCALE * np.sqrt(2 * np.pi))
    density = np.exp(log_q) * AREA
    return np.sum(density * (log_q - log_p - exponent - log_likelihood)) + log_z, log_z


def exact_gradient(values, step=1e-4):
    """By central differences, a vector for each network."""
    gradient = {}
    for name, vector in values.items():
        moved = [
            [objective(values | {name: vector + sign * unit})[0] for sign in (1, -1)]
            for unit in step * np.eye(len(vector))
        ]
        gradient[name] = np.array([(up - down) / (2 * step) for up, down in moved])
    return gradient


# === The step ===


def nodes():
    """Noise of both layers at the nodes of a grid, and the mass of N(0, I) at each."""
    axis = np.linspace(-6.5, 6.5, 53)
    noise = [np.float32(group.reshape(-1, 1)) for group in np.meshgrid(axis, axis)]
    mass = np.exp(-0.5 * (noise[0] ** 2 + noise[1] ** 2))[:, 0].astype(np.float64)
    return tuple(map(tf.constant, noise)), mass / mass.sum()


def test_a_steps_value_and_its_whole_gradient_are_those_of_the_objective(monkeypatch):
    model, networks = make_networks()
    values = {name: np.array(vector) for name, (_, vector) in PARAMETERS.items()}
    exact, log_z = objective(values)
    model.energy.log_z.assign(log_z)
    noise, mass = nodes()
    # The ends of chains that the prior's law would have.
    ends = types.SimpleNamespace(latents=noise, stable_step=tf.ones(len(mass)))
    monkeypatch.setattr(model, "_chain", lambda *_: ends)
    at_ends = mass * np.exp(np.float64(model.energy.exponent(model._to_latents(noise))))
    images = np.float32(np.repeat(IMAGE.reshape(1, 2, 2, 1), len(mass), axis=0))
    with tf.GradientTape() as tape:
        record = model.infer(images, seed=random.GivenNoise(noise), training=True)
        compared = model._compare_with_prior(record, noise=None)
        # Rows of the record are the posterior's, those of what the comparison adds the prior's.
        of_posterior = tf.reduce_sum(np.float32(mass) * (record.distortion + record.rate))
        weights = np.float32(at_ends / at_ends.sum())
        of_prior = tf.reduce_sum(weights * (compared.rate - record.rate))
        value = of_posterior + of_prior
    assert float(value) == pytest.approx(exact, abs=1e-4)
    assert float(of_prior) == 0.0
    parameters = {name: network.parameters for name, network in networks.items()}
    expected = exact_gradient(values)
    for name, gradient in tape.gradient(value, parameters).items():
        assert np.abs(expected[name]).min() > 0.003, f"{name}: too flat to tell"
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)
