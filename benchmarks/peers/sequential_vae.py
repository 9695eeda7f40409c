"""The peer of `zoo.SequentialVAE` with shared weights and two scales.

What needs no image before it is one pass for all steps: the posteriors, and the latents' layers.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.peers.networks import FromGrid, ToGrid, kl_to_standard, normal, widened


class Peer(nn.Module):
    """Arguments as in `zoo.SequentialVAE`."""

    has_mirrored_weights = sees_mirrored_images = False

    def __init__(self, num_steps, latent_dims, filters, hidden_units, likelihood, **ways):
        super().__init__()
        assert ways == {"share_weights": True, "stop_gradient": False}
        self.noise_shape = (num_steps, sum(latent_dims))
        self.latent_dims, self.scale = latent_dims, likelihood["arguments"]["scale"]
        self.encoder = LadderEncoder(num_steps, latent_dims, filters, hidden_units)
        self.generator = StepGenerator(num_steps, latent_dims, filters, hidden_units)

    def forward(self, images, noise):
        """Returns the mean rate, and the mean distortion, summed over the steps."""
        mean, log_scale = normal(self.encoder(images))
        latents = mean + log_scale.exp() * noise
        logits = self.generator(latents, torch.full_like(images, 0.5))
        errors = (images[:, None] - torch.sigmoid(logits)) / self.scale
        constant = math.log(self.scale) + 0.5 * math.log(2.0 * math.pi)
        distortion = (0.5 * errors**2 + constant).flatten(1).sum(1)
        return kl_to_standard(mean, log_scale).mean(), distortion.mean()


class ImagePyramid(nn.Module):
    """Two stride-2 convolutions; a step's bias in the first tells the steps apart."""

    def __init__(self, num_steps, filters):
        super().__init__()
        self.step_biases = nn.Parameter(torch.zeros(num_steps, filters[0]))
        self.fine = nn.Conv2d(1, filters[0], 4, 2, 1)
        self.coarse = nn.Conv2d(filters[0], filters[1], 4, 2, 1)

    def forward(self, images, step):
        """Returns the features of both scales in a step."""
        fine = _leaky_relu(self.fine(images) + self.step_biases[step, :, None, None])
        return fine, _leaky_relu(self.coarse(fine))

    def all_steps(self, images):
        """Returns the features of all steps, `[B * T, ...]`."""
        fine = self.fine(images)[:, None] + self.step_biases[:, :, None, None]
        fine = _leaky_relu(fine.flatten(0, 1))
        return fine, _leaky_relu(self.coarse(fine))


class LadderEncoder(nn.Module):
    """Reads the latents of both scales off an image, for all steps at once."""

    def __init__(self, num_steps, latent_dims, filters, hidden_units):
        super().__init__()
        self.pyramid = ImagePyramid(num_steps, filters)
        self.hidden = FromGrid((7, 7, filters[1]), hidden_units)
        self.head_0 = FromGrid((14, 14, filters[0]), 2 * latent_dims[0])
        self.head_1 = nn.Linear(hidden_units, 2 * latent_dims[1])

    def forward(self, images):
        """Returns means, then log-scales, `[B, T, 2 * sum(latent_dims)]`."""
        fine, coarse = self.pyramid.all_steps(images)
        heads = self.head_0(fine), self.head_1(_leaky_relu(self.hidden(coarse)))
        halves = [widened(head).chunk(2, 1) for head in heads]
        means, log_scales = zip(*halves, strict=True)
        return torch.cat([*means, *log_scales], 1).unflatten(0, (len(images), -1))


class StepGenerator(nn.Module):
    """Draws the chain of images: logits after each step."""

    def __init__(self, num_steps, latent_dims, filters, hidden_units):
        super().__init__()
        self.latent_dims = latent_dims
        maps = filters[0] // 4
        self.pyramid = ImagePyramid(num_steps, filters)
        self.image_hidden = FromGrid((7, 7, filters[1]), hidden_units)
        self.latent_hidden = nn.Linear(latent_dims[1], hidden_units)
        self.latent_maps = ToGrid(latent_dims[0], (14, 14, maps))
        self.top = ToGrid(2 * hidden_units, (7, 7, filters[1]))
        self.upward = nn.ConvTranspose2d(filters[1], filters[0], 4, 2, 1)
        self.outputs = nn.ConvTranspose2d(filters[0] + maps, 2, 4, 2, 1)

    def forward(self, latents, blank):
        """Returns logits `[B, T, 1, H, W]`, given the image before the first."""
        fine, coarse = latents.split(self.latent_dims, 2)
        hidden = _leaky_relu(self.latent_hidden(coarse))
        maps = _leaky_relu(self.latent_maps(fine))
        chain = []
        for step in range(latents.shape[1]):
            image = torch.sigmoid(chain[-1]) if chain else blank
            proposal, gate = self._propose(hidden[:, step], maps[:, step], image, step)
            chain.append(gate * proposal + (1.0 - gate) * chain[-1] if chain else proposal)
        return torch.stack(chain, 1)

    def _propose(self, hidden, maps, image, step):
        fine, coarse = self.pyramid(image, step)
        seen = _leaky_relu(self.image_hidden(coarse))
        features = _leaky_relu(self.top(torch.cat([hidden, seen], 1)) + coarse)
        features = _leaky_relu(self.upward(features) + fine)
        proposal, gate = widened(self.outputs(torch.cat([features, maps], 1))).chunk(2, 1)
        return proposal, torch.sigmoid(gate)


def _leaky_relu(features):
    return F.leaky_relu(features, 0.1)
