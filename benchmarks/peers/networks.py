"""What the PyTorch peers share: the networks around one vector of latents, and the layouts.

Keras pads a stride-2 convolution with less before than after, PyTorch's `padding=2` with more: a
network in PyTorch is ours in a mirror. So peers pad as is usual in PyTorch, without a copy, and get
our weights mirrored and, to compare, mirrored images.
"""

import torch
import torch.nn.functional as F
from torch import nn

LOG_SCALE_BOUND = 6.0


class FromGrid(nn.Linear):
    """A linear layer of a grid `[B, C, H, W]`, read in the order that channels_last has it in."""

    def __init__(self, grid, outputs):
        height, width, channels = self.grid = grid
        super().__init__(height * width * channels, outputs)

    def forward(self, features):
        """Returns `[B, outputs]`."""
        return super().forward(features.permute(0, 2, 3, 1).flatten(1))


class ToGrid(nn.Linear):
    """A linear layer to a grid `[B, C, H, W]` in channels_last."""

    def __init__(self, inputs, grid):
        height, width, channels = self.grid = grid
        super().__init__(inputs, height * width * channels)

    def forward(self, features):
        """Returns `[..., C, H, W]`."""
        return super().forward(features).unflatten(-1, self.grid).movedim(-1, -3)


class Encoder(nn.Module):
    """`zoo.models.conv_networks.make_encoder` on images of one channel."""

    def __init__(self, filters, hidden_units, activation=F.silu, size=28):
        super().__init__()
        self.activation = activation
        pairs = zip((1, *filters), filters, strict=False)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 5, 2, 2) for a, b in pairs)
        side = size // 2 ** len(filters)
        self.dense = FromGrid((side, side, filters[-1]), hidden_units)

    def forward(self, features):
        """Returns `[B, hidden_units]`."""
        for layer in (*self.convolutions, self.dense):
            features = self.activation(layer(features))
        return features


class Decoder(nn.Module):
    """`zoo.models.conv_networks.make_decoder` to images of one channel: logits."""

    def __init__(self, latent_dim, filters, hidden_units, size=28):
        super().__init__()
        side = size // 2 ** len(filters)
        self.dense = nn.Linear(latent_dim, hidden_units)
        self.grid = ToGrid(hidden_units, (side, side, filters[-1]))
        pairs = zip(reversed(filters), (*reversed(filters[:-1]), 1), strict=True)
        self.upward = nn.ModuleList(nn.ConvTranspose2d(a, b, 5, 2, 2, 1) for a, b in pairs)

    def forward(self, latents):
        """Returns `[B, 1, H, W]`."""
        features = self.dense(latents)
        for layer in (self.grid, *self.upward):
            features = layer(F.silu(features))
        return widened(features)


def widened(values):
    """Returns what autocast has made bfloat16 as float32, all else as it is."""
    return values.float() if values.dtype == torch.bfloat16 else values


def normal(parameters):
    """Returns mean and log-scale, float32 at least, the latter bent into (-6, 6)."""
    mean, log_scale = widened(parameters).chunk(2, -1)
    return mean, LOG_SCALE_BOUND * torch.tanh(log_scale / LOG_SCALE_BOUND)


def kl_to_standard(mean, log_scale):
    """Returns KL(q ‖ N(0, I)) in nats, summed over all axes but the first."""
    nats = 0.5 * (mean**2 + torch.expm1(2.0 * log_scale)) - log_scale
    return nats.flatten(1).sum(1)


def squared_error(images, logits):
    """Returns the mean squared error of all pixels."""
    return F.mse_loss(torch.sigmoid(logits), images)


def set_weights(model, arrays):
    """Gives a model our trainable weights: arrays, in their order."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with torch.no_grad():
        for parameter, weight in zip(parameters, as_torch(model, arrays), strict=True):
            if weight.shape != parameter.shape:
                shapes = f"{tuple(parameter.shape)}, ours in its layout {tuple(weight.shape)}"
                raise ValueError(f"A weight of the peer has the shape {shapes}.")
            parameter.copy_(weight)


def as_torch(model, arrays):
    """Turns arrays that our trainable weights, in their order, have the shapes of, to PyTorch's.

    Returns:
        A list of tensors, one a parameter of the model that learns.
    """
    arrays = iter(model.split(arrays) if hasattr(model, "split") else arrays)
    converted = [
        _as_torch(module, torch.from_numpy(next(arrays)), model.has_mirrored_weights)
        for module in model.modules()
        for parameter in module.parameters(recurse=False)
        if parameter.requires_grad
    ]
    if next(arrays, None) is not None:
        raise ValueError("Our model has more weights than its peer.")
    return converted


def _as_torch(module, array, is_mirrored):
    if isinstance(module, ToGrid):
        array = _mirrored(array.unflatten(-1, module.grid), -3, is_mirrored).flatten(-3)
    if isinstance(module, FromGrid) and array.ndim == 2:
        array = _mirrored(array.unflatten(0, module.grid), 0, is_mirrored).flatten(0, 2)
    if isinstance(module, nn.Linear):
        return array.T if array.ndim == 2 else array
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and array.ndim > 1:
        kernel = array if array.ndim == 4 else array[None, None]  # A dense layer of each pixel.
        return _mirrored(kernel, 0, is_mirrored and module.stride == (2, 2)).permute(3, 2, 0, 1)
    return array.permute(2, 0, 1) if array.ndim == 3 else array  # What each pixel has of its own.


def _mirrored(array, axis, is_mirrored):
    return array.flip(axis, axis + 1) if is_mirrored else array
