"""The peer of `zoo.NVPVAE`."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.peers.networks import Decoder, Encoder, normal, squared_error, widened

LOG_SCALE_BOUND = 2.0


class Peer(nn.Module):
    """Arguments as in `zoo.NVPVAE`."""

    has_mirrored_weights = sees_mirrored_images = True

    def __init__(self, latent_dim, num_couplings, coupling_units, filters, hidden_units):
        super().__init__()
        self.noise_shape = (latent_dim,)
        self.encoder = Encoder(filters, hidden_units)
        self.posterior = nn.Linear(hidden_units, 2 * latent_dim)
        self.flow = Flow(latent_dim, num_couplings, coupling_units, hidden_units)
        self.decoder = Decoder(latent_dim, filters, hidden_units)

    def forward(self, images, noise):
        """Returns the mean rate, of the z drawn, and the squared error."""
        features = self.encoder(images)
        mean, log_scale = normal(self.posterior(features))
        shaped, log_det = self.flow(noise, features)
        latents = mean + log_scale.exp() * shaped
        log_ratio = 0.5 * (latents**2 - noise**2).sum(1) - log_det - log_scale.sum(1)
        return log_ratio.mean(), squared_error(images, self.decoder(latents))


class Flow(nn.Module):
    """`zoo.distributions.RealNVP`, forward."""

    def __init__(self, dim, num_couplings, units, condition_dim):
        super().__init__()
        self.couplings = nn.ModuleList(
            nn.ModuleList(
                nn.Linear(a, b) for a, b in zip((dim, *units), (*units, 2 * dim), strict=True)
            )
            for _ in range(num_couplings)
        )
        self.condition = nn.Linear(condition_dim, num_couplings * units[0], bias=False)
        self.register_buffer("masks", _alternating_masks(dim, num_couplings))

    def forward(self, z, condition):
        """Returns z and the log-determinant, `[B]`."""
        log_scales = []
        seen = self.condition(condition).chunk(len(self.couplings), 1)
        for (first, *others), added, is_moved in zip(self.couplings, seen, self.masks, strict=True):
            hidden = first((1.0 - is_moved) * z) + added
            for layer in others:
                hidden = layer(F.silu(hidden))
            shift, log_scale = widened(hidden).chunk(2, 1)
            log_scale = is_moved * (LOG_SCALE_BOUND * torch.tanh(log_scale / LOG_SCALE_BOUND))
            z = z * log_scale.exp() + is_moved * shift
            log_scales.append(log_scale)
        return z, sum(log_scales).sum(1)


def _alternating_masks(dim, num_couplings):
    order, masks = np.arange(dim), []
    for _ in range(0, num_couplings, 2):
        order = np.concatenate([order[::2], order[1::2]])
        is_moved = np.ones(dim, np.float32)
        is_moved[order[: (dim + 1) // 2]] = 0.0
        masks += [is_moved, 1.0 - is_moved]
    return torch.from_numpy(np.stack(masks[:num_couplings]))
