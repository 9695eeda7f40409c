"""PyTorch's side: pixels drawn one by one, as a good PyTorch programmer would write it.

Each convolution remembers what it needs of the rows or pixels before, as ours do; a pixel's
convolutions are products, weights laid out for them once; what latents and rows above add enters
with the product; no gradients; `torch.compile` over a row's pass and over several pixels at once.
"""

import torch
import torch.nn.functional as F

from benchmarks.peers import settings
from benchmarks.peers.networks import set_weights
from benchmarks.peers.pixel_vae import LEAST_LOG_SCALE, concat_elu
from benchmarks.peers.torch_side import make_model, versions

__all__ = ["make_call", "versions"]

PIXELS_A_CALL = 7


def make_call(variant, given, num):
    """Makes a function without arguments that draws images, NumPy `[num, 28, 28, 1]`.

    Args:
        variant: "eager" or "compiled".
        given: `weights`, `latents` and `uniforms`, arrays.
        num: How many images: the first latents and uniforms.
    """
    model = make_model("pixel_vae", settings.of("pixel_vae"))
    set_weights(model, given["weights"])
    sampler = Sampler(model.decoder.to(memory_format=torch.channels_last))
    if variant == "compiled":
        # Half as long without the wrapper in Python, and with several pixels in one call.
        way = {"dynamic": False, "options": {"cpp_wrapper": True}}
        sampler.see_row = torch.compile(sampler.see_row, **way)
        sampler.draw_pixels = torch.compile(sampler.draw_pixels, **way)
    latents, uniforms = (torch.from_numpy(given[name][:num]) for name in ("latents", "uniforms"))
    return lambda: sampler.draw(latents, uniforms).numpy()


class Sampler:
    """Draws images from a `benchmarks.peers.pixel_vae.PixelCNN`."""

    def __init__(self, network):
        self.network = network
        right = network.right
        self.products = [[as_product(b.first), as_product(b.second)] for b in right.blocks]
        self.first = as_product(right.first), right.first.bias.detach()
        self.head = network.head.weight[:, :, 0, 0].detach().T, network.head.bias.detach()

    @torch.inference_mode()
    def draw(self, latents, uniforms):
        """Draws levels in [0, 1], `[B, H, W, 1]`, from uniforms `[B, H, W, 2]`."""
        num, height, width, _ = uniforms.shape
        conditions = self.network.from_latents(latents).chunk(2 * len(self.products), 1)
        for_rows = [condition[:, :, None, None] for condition in conditions[::2]]
        biases = [block.second.bias for block in self.network.right.blocks]
        for_pixels = [a + b for a, b in zip(conditions[1::2], biases, strict=True)]
        memory = self.blank_rows(num, width)
        above = latents.new_zeros(num, 2, 1, width).contiguous(memory_format=torch.channels_last)
        choices, logits = uniforms[..., :1], torch.logit(uniforms[..., 1:])
        images = torch.empty(num, height, width, 1)
        for row in range(height):
            told, memory = self.see_row(above, memory, for_rows, self.network.position[:, row])
            left, beside = latents.new_zeros(num, 2), self.blank_pixels(num)
            for start in range(0, width, PIXELS_A_CALL):
                columns = slice(start, start + PIXELS_A_CALL)
                noise = choices[:, row, columns], logits[:, row, columns]
                drawn, left, beside = self.draw_pixels(
                    left, beside, for_pixels, told[:, columns], *noise
                )
                images[:, row, columns] = drawn
            above = as_inputs(images[:, row].movedim(-1, 1)[:, :, None])
        return images

    def blank_rows(self, num, width):
        """What the down-shifted stream remembers above the first row."""
        down = self.network.down
        convolutions = [down.first, *(c for b in down.blocks for c in (b.first, b.second))]
        return [
            torch.zeros(num, c.in_channels, c.kernel_size[0] - 1, width).contiguous(
                memory_format=torch.channels_last
            )
            for c in convolutions
        ]

    def blank_pixels(self, num):
        """What the right-shifted stream remembers left of the first pixel."""
        convolutions = [self.network.right.first]
        convolutions += [c for b in self.network.right.blocks for c in (b.first, b.second)]
        return [torch.zeros(num, c.in_channels * (c.kernel_size[1] - 1)) for c in convolutions]

    def see_row(self, above, memory, conditions, position):
        """Returns what a row tells the other stream, `[B, W, blocks, filters]`, and the memory."""
        network, later, told = self.network, [], []
        hidden, last = convolve_row(network.down.first, above, memory[0])
        later.append(last)
        for index, block in enumerate(network.down.blocks):
            between, last = convolve_row(block.first, concat_elu(hidden), memory[1 + 2 * index])
            later.append(last)
            gated, last = convolve_row(block.second, concat_elu(between), memory[2 + 2 * index])
            later.append(last)
            values, gates = (gated + conditions[index]).chunk(2, 1)
            hidden = hidden + values * torch.sigmoid(gates)
            part = network.from_above[index](concat_elu(hidden))[:, :, 0] + position
            bias = network.right.blocks[index].first.bias  # Of the convolution that it enters.
            told.append(part.movedim(1, 2) + bias)
        return torch.stack(told, 2), later

    def draw_pixels(self, left, memory, conditions, told, choices, logits):
        """Draws some pixels of a row, `[B, pixels, 1]`; returns also what the next ones need."""
        drawn = []
        for column in range(told.shape[1]):
            parameters, memory = self.see_pixel(left, memory, conditions, told[:, column])
            drawn.append(draw_level(parameters, choices[:, column], logits[:, column]))
            left = as_inputs(drawn[-1])
        return torch.stack(drawn, 1), left, memory

    def see_pixel(self, left, memory, conditions, told):
        """Returns a pixel's parameters, `[B, 24]`, and what is remembered."""
        later = [torch.cat([memory[0], left], 1)]
        kernel, bias = self.first
        hidden = torch.addmm(bias, later[0], kernel)
        later[0] = later[0][:, left.shape[1] :]
        for index, (first, second) in enumerate(self.products):
            given = concat_elu(hidden)
            window = torch.cat([memory[1 + 2 * index], given], 1)
            between = concat_elu(torch.addmm(told[:, index], window, first))
            window = torch.cat([memory[2 + 2 * index], between], 1)
            values, gates = torch.addmm(conditions[index], window, second).chunk(2, 1)
            hidden = torch.addcmul(hidden, values, torch.sigmoid(gates))
            later += [given, between]
        kernel, bias = self.head
        return torch.addmm(bias, concat_elu(hidden), kernel), later


def as_product(convolution):
    """A kernel of one row as a matrix, `[columns * inputs, outputs]`."""
    kernel = convolution.weight.detach()[:, :, 0]
    return kernel.permute(2, 1, 0).flatten(0, 1).contiguous()


def convolve_row(convolution, row, memory):
    """Returns the outputs of a row, and what is remembered for the next."""
    window = torch.cat([memory, row], 2)
    padding = (0, convolution.kernel_size[1] // 2)
    outputs = F.conv2d(window, convolution.weight, convolution.bias, padding=padding)
    return outputs, window[:, :, 1:]


def as_inputs(levels):
    """Levels in [-1, 1], and a channel of ones: axis 1."""
    return torch.cat([2.0 * levels - 1.0, torch.ones_like(levels)], 1)


def draw_level(parameters, choices, logits):
    """Draws levels in [0, 1], `[B, 1]`, by inverse distribution functions."""
    weights, means, log_scales = parameters.chunk(3, 1)
    cumulative = weights.softmax(1).cumsum(1)[:, :-1]
    chosen = (choices > cumulative).sum(1, keepdim=True)
    log_scale = LEAST_LOG_SCALE + F.softplus(log_scales.gather(1, chosen) - LEAST_LOG_SCALE)
    value = means.gather(1, chosen) + log_scale.exp() * logits
    return torch.round(255.0 * ((value + 1.0) / 2.0).clamp(0.0, 1.0)) / 255.0
