"""GECO where the optimum is known: a linear-Gaussian autoencoder of Gaussian data.

For x ~ N(m, Σ) with eigenvalues s_i, the least rate at a mean squared error of κ² is Shannon's
rate-distortion function, by reverse water-filling: θ solves Σ min(θ, s_i) = D κ², the rate is
R = Σ ½ log⁺(s_i / θ) nats, and its slope against the mean squared error is λ* = D / (2θ).
Linear networks with Gaussian posteriors reach it, so GECO must end there.
"""

import keras
import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf
import tensorflow_probability as tfp

import zoo
from zoo.constraints import ReconstructionError
from zoo.distributions import Gaussian, normals
from zoo.models.record import Inference

SHAPE = (4, 4, 2)
D = 32
# In a Hadamard basis every pixel has the same standard deviation, here 0.08: six of them fit
# between the mean, 0.5, and the ends of [0, 1].
EIGENVALUES = np.concatenate([[0.08, 0.055, 0.035, 0.02, 0.01, 0.002], np.full(D - 6, 5e-5)])
BASIS = scipy.linalg.hadamard(D) / np.sqrt(D)
NUM_STEPS, BATCH_SIZE = 3000, 256


@keras.saving.register_keras_serializable("tests")
class LinearVAE(zoo.LatentImageModel):
    """q(z|x) = N(A x + a, diag(s²)), p(z) = N(0, I), g(z) = B z + b."""

    def __init__(self, image_shape, latent_dim=8, **kwargs):
        kwargs.setdefault("likelihood", Gaussian(mean="linear"))
        super().__init__(image_shape, **kwargs)
        self.latent_dim = latent_dim
        size = int(np.prod(self.image_shape))
        self.encoder = keras.layers.Dense(latent_dim)
        self.encoder.build((None, size))
        self.decoder = keras.layers.Dense(size)
        self.decoder.build((None, latent_dim))
        self.log_scale = self.add_weight(name="log_scale", shape=(latent_dim,), initializer="zeros")
        self.built = True

    def _posterior(self, images):
        mean = self.encoder(tf.reshape(images - 0.5, [-1, D]))
        scale = tf.exp(tf.convert_to_tensor(self.log_scale)) + tf.zeros_like(mean)
        return tfp.distributions.Normal(mean, scale)

    def _infer(self, images, context, noise, training=False):
        posterior, prior = self._posterior(images), normals.standard_normal()
        latents = posterior.loc + posterior.scale * noise.normal([self.latent_dim])
        return Inference(
            latents=(latents,),
            rate=normals.kl_divergence(posterior, prior),
            log_posterior=normals.log_prob(posterior, latents),
            log_prior=normals.log_prob(prior, latents),
            parameters=self._decode((latents,), context),
        )

    def _decode(self, latents, context):
        return tf.reshape(0.5 + self.decoder(latents[0]), [-1, *self.image_shape])


def fresh_batches(seed):
    """Endless batches of new data, from a counter; clipped where 1 in 10^9 pixels would stray."""
    transform = tf.constant((BASIS * np.sqrt(EIGENVALUES)).T, tf.float32)

    def draw(index):
        sources = tf.random.stateless_normal(
            [BATCH_SIZE, D], seed=tf.stack([tf.constant(seed, tf.int64), index])
        )
        images = tf.clip_by_value(0.5 + sources @ transform, 0.0, 1.0)
        return tf.reshape(images, [BATCH_SIZE, *SHAPE])

    return tf.data.Dataset.counter().map(draw).prefetch(4)


def mean_squared_error(theta):
    return np.minimum(theta, EIGENVALUES).sum() / D


@pytest.mark.parametrize("theta", [0.005, 0.014])
def test_geco_ends_on_the_rate_distortion_curve(theta):
    tolerance = np.sqrt(mean_squared_error(theta))
    rate = 0.5 * np.log(np.maximum(EIGENVALUES / theta, 1.0)).sum()
    multiplier = D / (2 * theta)

    model = LinearVAE(SHAPE)
    schedule = keras.optimizers.schedules.CosineDecay(3e-2, NUM_STEPS)
    model.compile(
        keras.optimizers.Adam(schedule),
        objective=zoo.GECO(ReconstructionError(tolerance)),
        seed=0,
        steps_per_execution=100,
        jit_compile=True,  # many small steps, which cost little but the start of each operation
    )
    model.fit(fresh_batches(seed=1), steps_per_epoch=NUM_STEPS, verbose=0)
    logs = model.evaluate(fresh_batches(seed=2), steps=100, verbose=0, return_dict=True)
    ratios = {
        "rmse": logs["rmse"] / tolerance,
        "rate": logs["rate"] / rate,
        "multiplier": model.objective.multipliers["reconstruction_error"] / multiplier,
    }
    print(f"theta={theta}: reached / closed form {ratios}")  # For docs/RESULTS.md, `pytest -s`.
    assert logs["rmse"] == pytest.approx(tolerance, rel=0.02)
    assert logs["rate"] == pytest.approx(rate, rel=0.05)
    assert model.objective.multipliers["reconstruction_error"] == pytest.approx(
        multiplier, rel=0.05
    )
