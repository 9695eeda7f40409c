"""pythae's own convolutional VAE of MNIST, from its package, under its own loss."""

import numpy as np
import torch
from pythae.models import VAE, VAEConfig
from pythae.models.nn.benchmarks.mnist import Decoder_Conv_AE_MNIST, Encoder_Conv_VAE_MNIST
from torch import nn

_POSTERIOR = 16  # Where the posterior's kernel stands among our weights: after four blocks of four.


class Peer(nn.Module):
    """What `pythae.models.VAE` computes, with noise that is given.

    Args:
        latent_dim: As pythae's.
        is_smooth: Whether softplus stands for ReLU: see `benchmarks.peers.settings.of_check`.
    """

    has_mirrored_weights = sees_mirrored_images = True

    def __init__(self, latent_dim, is_smooth=False):
        super().__init__()
        self.noise_shape = (latent_dim,)
        config = VAEConfig(input_dim=(1, 28, 28), latent_dim=latent_dim)
        self.encoder, self.decoder = Encoder_Conv_VAE_MNIST(config), Decoder_Conv_AE_MNIST(config)
        if is_smooth:
            for block in (*self.encoder.layers, *self.decoder.layers[1:-1]):
                block[2] = nn.Softplus()
        self.loss_function = VAE(config, self.encoder, self.decoder).loss_function

    def forward(self, images, noise):
        """Returns the mean rate and the mean squared error of a pixel."""
        encoded = self.encoder(images)
        mean, log_variance = encoded["embedding"], encoded["log_covariance"]
        latents = mean + noise * torch.exp(0.5 * log_variance)
        drawn = self.decoder(latents)["reconstruction"]
        _, error, rate = self.loss_function(drawn, images, mean, log_variance, latents)
        return rate, error / (0.5 * images[0].numel())

    @staticmethod
    def split(arrays):
        """Returns our weights, or their gradients, for pythae's layers, which are not all as ours.

        Means and log-variances have a layer each. Where our log-scales have weights of 0, halves
        are right both for the log-variances' weights and for their gradients.
        """
        kernel, bias, grid_kernel, grid_bias = arrays[_POSTERIOR : _POSTERIOR + 4]
        means, log_scales = zip(np.split(kernel, 2, 1), np.split(bias, 2), strict=True)
        grids = [_channels_first(array) for array in (grid_kernel, grid_bias)]
        log_variances = [0.5 * array for array in log_scales]
        return [*arrays[:_POSTERIOR], *means, *log_variances, *grids, *arrays[_POSTERIOR + 4 :]]


def _channels_first(array):
    """Turns the last axis from a grid `[4, 4, 1024]` to its mirror in `[1024, 4, 4]`."""
    grid = array.reshape(*array.shape[:-1], 4, 4, 1024)[..., ::-1, ::-1, :]
    return np.ascontiguousarray(np.moveaxis(grid, -1, -3)).reshape(array.shape)
