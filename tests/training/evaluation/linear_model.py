"""A linear-Gaussian model: x = b + W z + noise, with everything known in closed form."""

import keras
import numpy as np

import zoo
from training.datasets.image_dataset import ImageDataset
from training.datasets.splits import MemorySplit

SHAPE = (4, 4, 1)
NOISE_SCALE = 0.1


class LinearModel:
    """A `zoo.ConvVAE` of linear networks with its exact posterior as encoder, at first.

    Attributes:
        model: The model.
        weights, bias: W `[16, d]` and b `[16]`.
        covariance: Of x.
        posterior_mean, posterior_shift: E[z|x] = posterior_mean (x - b) + posterior_shift.
        posterior_scale: Standard deviations of z given x; W has orthogonal columns, so the
            posterior is diagonal.
    """

    def __init__(self, gains=(0.3, 0.2), seed=0):
        generator = np.random.default_rng(seed)
        basis = np.linalg.qr(generator.standard_normal((16, len(gains))))[0]
        self.weights = basis * np.array(gains)
        self.bias = np.full(16, 0.5)
        precision = 1.0 + np.array(gains) ** 2 / NOISE_SCALE**2
        self.posterior_scale = precision**-0.5
        self.posterior_mean = self.weights.T / NOISE_SCALE**2 / precision[:, np.newaxis]
        self.posterior_shift = np.zeros(len(gains))
        self.covariance = self.weights @ self.weights.T + NOISE_SCALE**2 * np.eye(16)
        self.model = self._make_model(len(gains))

    def _make_model(self, latent_dim):
        encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
        decoder = keras.Sequential(
            [keras.Input((latent_dim,)), keras.layers.Dense(16), keras.layers.Reshape(SHAPE)]
        )
        likelihood = zoo.distributions.Gaussian(scale=NOISE_SCALE, mean="linear")
        model = zoo.ConvVAE(
            SHAPE, latent_dim=latent_dim, encoder=encoder, decoder=decoder, likelihood=likelihood
        )
        kernel, bias = decoder.weights
        kernel.assign(self.weights.T)
        bias.assign(self.bias)
        kernel, bias = model.posterior_head.weights
        # The log-scale is bent into (-6, 6) by 6 tanh(s / 6).
        bent = 6.0 * np.arctanh(np.log(self.posterior_scale) / 6.0)
        zeros = np.zeros((16, latent_dim))
        kernel.assign(np.concatenate([self.posterior_mean.T, zeros], axis=1))
        bias.assign(np.concatenate([-self.posterior_mean @ self.bias, bent]))
        return model

    def move_posterior(self, stretch, shift):
        """Makes the encoder's mean stretch·E[z|x] + shift, so that q(z) is not the prior."""
        kernel, bias = self.model.posterior_head.weights
        latent_dim = len(self.posterior_scale)
        self.posterior_mean = stretch * self.posterior_mean
        self.posterior_shift = np.full(latent_dim, float(shift))
        zeros = np.zeros((16, latent_dim))
        kernel.assign(np.concatenate([self.posterior_mean.T, zeros], axis=1))
        start = bias.numpy()
        start[:latent_dim] = self.posterior_shift - self.posterior_mean @ self.bias
        bias.assign(start)

    def average_kl(self, data):
        """The mean over test images of KL(q(z|x) ‖ p(z)), in nats."""
        images = data.arrays("test")["image"].reshape(-1, 16) / 255.0
        means = (images - self.bias) @ self.posterior_mean.T + self.posterior_shift
        variances = self.posterior_scale**2
        return 0.5 * (means**2 + variances - 1.0 - np.log(variances)).sum(axis=1).mean()

    def marginal_kl(self):
        """KL(q(z) ‖ p(z)) in nats, of images that are not clipped."""
        covariance = self.aggregate_covariance()
        log_volume = np.linalg.slogdet(covariance)[1]
        squares = np.trace(covariance) + (self.posterior_shift**2).sum()
        return 0.5 * (squares - len(covariance) - log_volume)

    def mutual_information(self):
        """I(x; z) under q, in nats."""
        log_volume = np.linalg.slogdet(self.aggregate_covariance())[1]
        return 0.5 * log_volume - np.log(self.posterior_scale).sum()

    def aggregate_covariance(self):
        """The covariance of q(z)."""
        covariance = self.posterior_mean @ self.covariance @ self.posterior_mean.T
        return covariance + np.diag(self.posterior_scale**2)

    def data(self, num=500, seed=1, num_classes=None):
        """Images drawn from the model, on 256 levels: an `ImageDataset` with two splits.

        With classes, an image's label is the sign of its first latent.
        """
        splits = {}
        for split in ("train", "test"):
            generator = np.random.default_rng([seed, len(split)])
            latents = generator.standard_normal((num, self.weights.shape[1]))
            noise = NOISE_SCALE * generator.standard_normal((num, 16))
            images = np.clip(self.bias + latents @ self.weights.T + noise, 0.0, 1.0)
            arrays = {"image": np.round(255 * images).astype(np.uint8).reshape(num, *SHAPE)}
            if num_classes:
                arrays["label"] = (latents[:, 0] > 0).astype(np.int64)
            splits[split] = MemorySplit(arrays)
        return ImageDataset("linear", SHAPE, num_classes, "", splits)
