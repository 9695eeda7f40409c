"""The peer of `zoo.PixelVAE`, in training."""

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.peers.networks import Encoder, kl_to_standard, normal, widened

NUM_COMPONENTS, HALF_BIN, LEAST_LOG_SCALE = 8, 1.0 / 255.0, -7.0
FIRST_KERNEL_SIZE, KERNEL_SIZE = 7, 3


class Peer(nn.Module):
    """Arguments as in `zoo.PixelVAE`."""

    has_mirrored_weights = True
    sees_mirrored_images = False  # The encoder does, but not the decoder.

    def __init__(self, latent_dim, filters, num_blocks, position_embedding, hidden_units):
        super().__init__()
        assert position_embedding
        self.noise_shape = (latent_dim,)
        self.encoder = Encoder((32, 64), hidden_units, F.relu)
        self.posterior = nn.Linear(hidden_units, 2 * latent_dim)
        self.decoder = PixelCNN(latent_dim, filters, num_blocks)

    def forward(self, images, noise):
        """Returns the mean rate and the mean distortion."""
        mean, log_scale = normal(self.posterior(self.encoder(images.flip(2, 3))))
        levels = torch.round(255.0 * images) / 255.0
        parameters = self.decoder(levels, mean + log_scale.exp() * noise)
        distortion = -log_prob(parameters, 2.0 * levels - 1.0)
        return kl_to_standard(mean, log_scale).mean(), distortion.mean()


class CausalConvolution(nn.Conv2d):
    """`zoo.layers.CausalConvolution`: `padding` is (left, right, top, bottom), which may cut."""

    def __init__(self, inputs, filters, kernel_size, padding):
        super().__init__(inputs, filters, kernel_size)
        self.causal_padding = padding

    def forward(self, inputs):
        """Returns the outputs, none of which sees what comes after it."""
        return super().forward(F.pad(inputs, self.causal_padding))


class GatedBlock(nn.Module):
    """Adds to its inputs what two causal convolutions and a gate make of them."""

    def __init__(self, filters, kernel_size, padding):
        super().__init__()
        self.first = CausalConvolution(2 * filters, filters, kernel_size, padding)
        self.second = CausalConvolution(2 * filters, 2 * filters, kernel_size, padding)

    def forward(self, inputs, condition, addition=None):
        """Returns the outputs; `addition` enters between the convolutions."""
        hidden = self.first(concat_elu(inputs))
        if addition is not None:
            hidden = hidden + addition
        values, gates = (self.second(concat_elu(hidden)) + condition).chunk(2, 1)
        return inputs + values * torch.sigmoid(gates)


class Stream(nn.Module):
    """A first convolution, which shifts by a pixel, and gated blocks."""

    def __init__(self, filters, num_blocks, first, kernel_size, padding):
        super().__init__()
        self.first = CausalConvolution(2, filters, *first)
        self.blocks = nn.ModuleList(
            GatedBlock(filters, kernel_size, padding) for _ in range(num_blocks)
        )


class PixelCNN(nn.Module):
    """`zoo.layers.PixelCNN` on whole images of one channel."""

    def __init__(self, latent_dim, filters, num_blocks):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(filters, 28, 28))
        above, beside = FIRST_KERNEL_SIZE // 2 + 1, FIRST_KERNEL_SIZE // 2
        reach = KERNEL_SIZE // 2
        # A stream's first convolution sees the image a row lower, or a pixel further right.
        first = (above, FIRST_KERNEL_SIZE), (beside, beside, above, -1)
        sides = (reach, reach, reach, 0)
        self.down = Stream(filters, num_blocks, first, (reach + 1, KERNEL_SIZE), sides)
        first = (1, above), (above, -1, 0, 0)
        self.right = Stream(filters, num_blocks, first, (1, reach + 1), (reach, 0, 0, 0))
        self.from_latents = nn.Linear(latent_dim, 4 * filters * num_blocks, bias=False)
        self.from_above = nn.ModuleList(
            nn.Conv2d(2 * filters, filters, 1) for _ in range(num_blocks)
        )
        self.head = nn.Conv2d(2 * filters, 3 * NUM_COMPONENTS, 1)

    def forward(self, levels, latents):
        """Returns parameters of each pixel, given those before it and the latents."""
        pixels = torch.cat([2.0 * levels - 1.0, torch.ones_like(levels)], 1)
        conditions = self.from_latents(latents)[:, :, None, None].chunk(2 * len(self.from_above), 1)
        down, right = self.down.first(pixels), self.right.first(pixels)
        for index, from_above in enumerate(self.from_above):
            down = self.down.blocks[index](down, conditions[2 * index])
            told = from_above(concat_elu(down)) + self.position
            right = self.right.blocks[index](right, conditions[2 * index + 1], told)
        return widened(self.head(concat_elu(right)))


def concat_elu(inputs):
    """ELU of the inputs and of their negatives, side by side."""
    return F.elu(torch.cat([inputs, -inputs], 1))


def log_prob(parameters, values):
    """Returns the nats of levels in [-1, 1], `[B]`, under mixtures of discretised logistics."""
    log_weights, means, log_scales = parameters.chunk(3, 1)
    log_scales = LEAST_LOG_SCALE + F.softplus(log_scales - LEAST_LOG_SCALE)
    inverse_scales = torch.exp(-log_scales)
    below = F.logsigmoid(inverse_scales * (values - means + HALF_BIN))
    above = F.logsigmoid(inverse_scales * (means - values + HALF_BIN))
    width = torch.log(-torch.expm1(-2.0 * HALF_BIN * inverse_scales))
    is_first, is_last = values < -1.0 + HALF_BIN, values > 1.0 - HALF_BIN
    log_mass = (
        torch.where(is_last, 0.0, below)
        + torch.where(is_first, 0.0, above)
        + torch.where(is_first | is_last, 0.0, width)
    )
    nats = torch.logsumexp(F.log_softmax(log_weights, 1) + log_mass, 1)
    return nats.sum((1, 2))
