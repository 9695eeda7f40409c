"""A linear-Gaussian model: x = b + W z + noise, with everything known in closed form."""

import keras
import numpy as np

import zoo
from training.datasets.image_dataset import ImageDataset
from training.datasets.splits import MemorySplit

SHAPE = (4, 4, 1)
NOISE_SCALE = 0.1


class LinearModel:
    """A `zoo.ConvVAE` of linear networks with its exact posterior as encoder.

    Attributes:
        model: The model.
        weights, bias: W `[16, d]` and b `[16]`.
        covariance: Of x.
        posterior_mean: A matrix: E[z|x] = posterior_mean (x - b).
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
