"""Circle and wave of Balestriero, Paris & Baraniuk 2020, and three ways to train one decoder.

Points of the plane are images of 1x2 pixels here, moved and shrunk into [0, 1]. All numbers are in
the points' own unit: negative log-likelihoods in nats a point.
"""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf

import zoo

__all__ = ["SETS", "Decoder", "PointSet"]

SHAPE = (1, 2, 1)
NOISE = 0.1
START_NOISE = 0.55  # The authors' σ at the start.
_SLOPE = 0.1
_STEPS_PER_CALL = 200


@dataclasses.dataclass(frozen=True)
class PointSet:
    """A curve in the plane, points of which have normal noise of scale 0.1.

    Attributes:
        half_side: Of the square around 0 that is mapped to [0, 1]².
        curve: Maps uniform numbers in (0, 1) to points `[N, 2]` of the curve.
    """

    half_side: float
    curve: callable

    def draw(self, num, seed):
        """Draws points, `[num, 2]`."""
        generator = np.random.default_rng(seed)
        points = self.curve(generator.uniform(size=num))
        return points + NOISE * generator.standard_normal((num, 2))

    def true_cost(self, points, num_nodes=4000):
        """Returns the mean of -log p under the density that the points come from."""
        nodes = self.curve((np.arange(num_nodes) + 0.5) / num_nodes)
        squares = np.sum((points[:, None] - nodes[None]) ** 2, axis=2)
        log_densities = -0.5 * squares / NOISE**2 - math.log(2.0 * math.pi * NOISE**2)
        return -float(np.mean(np.logaddexp.reduce(log_densities, axis=1) - math.log(num_nodes)))

    def as_images(self, points):
        """Returns points as images of 1x2 pixels in [0, 1], float32."""
        images = np.clip(0.5 + points / (2.0 * self.half_side), 0.0, 1.0)
        return images.reshape(-1, *SHAPE).astype(np.float32)

    def as_points(self, images):
        """Returns images as the points they stand for."""
        return (np.reshape(images, [-1, 2]) - 0.5) * 2.0 * self.half_side

    def cost(self, model, points):
        """Returns the mean of -log p of points under a `zoo.PiecewiseAffineVAE`, exactly."""
        return -float(np.mean(model.log_density(self.as_images(points)))) + self._log_volume

    @property
    def _log_volume(self):
        return 2.0 * math.log(2.0 * self.half_side)

    def as_cost(self, loss):
        """Returns the cost in nats a point of a loss in nats an image."""
        return loss + self._log_volume


def _circle(uniforms):
    angles = 2.0 * np.pi * uniforms
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _wave(uniforms):
    from scipy.special import ndtri

    values = ndtri(uniforms)
    return np.stack([values, np.cos(1.4 * values)], axis=1)


SETS = {"circle": PointSet(2.0, _circle), "wave": PointSet(5.0, _wave)}


class Decoder:
    """One decoder, trained anew in each of three ways; its graphs are traced once.

    Args:
        hidden_units: Of the decoder.
        gradient_steps: Steps of Adam for the exact gradient.
        vae_steps: Steps of Adam for the VAE, until its learning rate has decayed to 0.
    """

    def __init__(self, hidden_units, gradient_steps, vae_steps):
        # The VAE's first weights decide where it ends: the same in every process.
        keras.utils.set_random_seed(0)
        self._hidden_units = hidden_units
        self.model = zoo.PiecewiseAffineVAE(SHAPE, 1, hidden_units, _SLOPE)
        self._gradient_steps, self._vae_steps = gradient_steps, vae_steps
        _compile(self.model, gradient_steps)
        dense = [keras.layers.Dense(32, activation="relu") for _ in range(2)]
        encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), *dense])
        self._layers = [keras.layers.Dense(layer.units) for layer in self.model.layers_of_decoder]
        stack = [self._layers[0]]
        for layer in self._layers[1:]:
            stack += [keras.layers.LeakyReLU(_SLOPE), layer]
        decoder = keras.Sequential([keras.Input((1,)), *stack, keras.layers.Reshape(SHAPE)])
        likelihood = zoo.distributions.Gaussian("learned", mean="linear")
        self._vae = zoo.ConvVAE(SHAPE, 1, likelihood=likelihood, encoder=encoder, decoder=decoder)
        # The rate's weight rises from 0: with 1 from the start most seeds leave the latent unused.
        _compile(self._vae, vae_steps, zoo.schedules.Linear(0.0, 1.0, steps=max(vae_steps // 4, 1)))
        self._first_weights = self._vae.get_weights()

    def _begin(self, point_set, seed):
        """Gives the model the weights of the seed."""
        keras.utils.set_random_seed(seed)
        noise = START_NOISE / (2.0 * point_set.half_side)
        fresh = zoo.PiecewiseAffineVAE(SHAPE, 1, self._hidden_units, _SLOPE, noise)
        self.model.set_weights(fresh.get_weights())

    def fit_em(self, point_set, points, seed, steps):
        """Trains by exact expectation-maximisation; returns the cost after each step."""
        self._begin(point_set, seed)
        history = self.model.fit_em(point_set.as_images(points), steps, tolerance=0.0, verbose=0)
        return [point_set.as_cost(-value) for value in history["log_density"]]

    def fit_gradient(self, point_set, points, seed):
        """Trains by Adam on the exact likelihood's gradient, all points a step."""
        self._begin(point_set, seed)
        images = point_set.as_images(points)
        _fit(self.model, images, len(images), self._gradient_steps, seed)

    def fit_vae(self, point_set, points, seed):
        """Trains the decoder by the ELBO with an encoder of 32-32 units, batches of 100.

        Returns:
            The VAE's bound as a cost, in nats a point.
        """
        self._begin(point_set, seed)
        vae, images = self._vae, point_set.as_images(points)
        vae.set_weights(self._first_weights)
        vae.objective.num_steps.assign(0.0)
        for own, layer in zip(self._layers, self.model.layers_of_decoder, strict=True):
            own.set_weights(layer.get_weights())
        vae.likelihood.log_scale.assign(self.model.likelihood.log_scale)
        _fit(vae, images, min(100, len(images)), self._vae_steps, seed)
        for own, layer in zip(self._layers, self.model.layers_of_decoder, strict=True):
            layer.set_weights(own.get_weights())
        self.model.likelihood.log_scale.assign(vae.likelihood.log_scale)
        # Each image many times: the bound is a mean over draws.
        repeated = np.repeat(images, 20, axis=0)
        logs = vae.evaluate(repeated, batch_size=1000, verbose=0, return_dict=True)
        return point_set.as_cost(logs["loss"])


def _compile(model, steps, beta=1.0):
    rate = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    calls = math.gcd(steps, _STEPS_PER_CALL)
    model.compile(keras.optimizers.Adam(rate), objective=zoo.ELBO(beta), steps_per_execution=calls)


def _fit(model, images, batch_size, steps, seed):
    """Trains with a fresh optimiser."""
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape))
    data = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images), seed=seed).repeat()
    data = data.batch(batch_size, drop_remainder=True).take(steps)
    model.fit(data, epochs=1, verbose=0)
