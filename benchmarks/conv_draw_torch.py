"""The peer: `zoo.ConvDRAW` and its training step as a good PyTorch programmer would write them.

The same recursion, sizes, loss and precision rules as zoo/models/conv_draw.py, with what is plain
to do in PyTorch: what does not change from step to step is computed once, the priors and the rate
after the loop in one piece; channels_last; fused Adam; gradients set to None; `torch.compile` over
forward and backward; bfloat16 autocast.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

LOG_SCALE_BOUND = 6.0


class ConvDRAW(nn.Module):
    """ConvDRAW with a Gaussian likelihood on grey images; arguments as in `zoo.ConvDRAW`."""

    def __init__(
        self, image_size=28, num_steps=8, filters=32, latent_filters=4, kernel_size=5, stride=4
    ):
        super().__init__()
        self.num_steps, self.filters, self.stride = num_steps, filters, stride
        self.grid = (image_size // stride, image_size // stride)
        patch = stride**2

        def conv(inputs, outputs, bias=True):
            return nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2, bias=bias)

        self.image_gates = conv(patch, 4 * filters)
        self.encoder_gates = conv(patch + 2 * filters, 4 * filters, bias=False)
        self.posterior_head = conv(filters, 2 * latent_filters)
        self.prior_head = conv(filters, 2 * latent_filters)
        self.decoder_gates = conv(latent_filters + patch + filters, 4 * filters)
        self.write = nn.Conv2d(filters, patch, 1)
        self.initial_canvas = nn.Parameter(torch.zeros(patch, *self.grid))

    def forward(self, images, noise):
        """Draws z with the noise `[T, B, latent_filters, h, w]`, given images `[B, 1, H, W]`.

        Returns:
            The rate `[B]` in nats and the reconstruction `[B, 1, H, W]` in pixel units.
        """
        rows = images.shape[0]
        patches = F.pixel_unshuffle(images, self.stride)
        image_gates = self.image_gates(patches)
        canvas = self.initial_canvas.expand(rows, -1, -1, -1)
        zeros = image_gates.new_zeros((rows, self.filters, *self.grid))
        zeros = zeros.contiguous(memory_format=torch.channels_last)
        encoder = decoder = (zeros, zeros)
        posteriors, decoder_states = [], []
        for step_noise in noise:
            error = patches - torch.sigmoid(canvas)
            seen = _join(error, encoder[0], decoder[0])
            encoder = _lstm_step(image_gates + self.encoder_gates(seen), encoder)
            posteriors.append(self.posterior_head(encoder[0]))
            decoder_states.append(decoder[0])
            mean, log_scale = _normal(posteriors[-1])
            latents = mean + log_scale.exp() * step_noise
            decoder = _lstm_step(self.decoder_gates(_join(latents, canvas, decoder[0])), decoder)
            canvas = canvas + self.write(decoder[0]).float()
        priors = _normal(self.prior_head(torch.cat(decoder_states)))
        rate = _kl_divergence(_normal(torch.cat(posteriors)), priors).sum((1, 2, 3))
        rate = rate.view(self.num_steps, rows).sum(0)
        return rate, torch.sigmoid(F.pixel_shuffle(canvas, self.stride))


def _join(first, second, third):
    dtype = third.dtype
    return torch.cat([first.to(dtype), second.to(dtype), third], 1)


def _lstm_step(gates, state):
    enter, forget, leave, candidate = gates.chunk(4, 1)
    cell = torch.sigmoid(forget + 1.0) * state[1] + torch.sigmoid(enter) * torch.tanh(candidate)
    return torch.sigmoid(leave) * torch.tanh(cell), cell


def _normal(parameters):
    mean, log_scale = parameters.float().chunk(2, 1)
    return mean, LOG_SCALE_BOUND * torch.tanh(log_scale / LOG_SCALE_BOUND)


def _kl_divergence(posterior, prior):
    (mean_q, log_scale_q), (mean_p, log_scale_p) = posterior, prior
    log_ratio = log_scale_q - log_scale_p
    difference = (mean_q - mean_p) * torch.exp(-log_scale_p)
    return 0.5 * (difference**2 + torch.expm1(2.0 * log_ratio)) - log_ratio


class GECO:
    """Taming VAEs, Algorithm 1, with the reconstruction error; its state is two scalars."""

    def __init__(self, tolerance, multiplier, decay=0.99, step_size=1e-3):
        self.tolerance, self.decay, self.step_size = tolerance, decay, step_size
        self.log_multiplier = torch.tensor(float(np.log(multiplier)))
        self.average = None

    def loss(self, rate, squared_error):
        """Returns mean rate + λ C and moves the average and the multiplier."""
        violation = squared_error - self.tolerance**2
        current = violation.detach()
        previous = current if self.average is None else self.average
        self.average = self.decay * previous + (1.0 - self.decay) * current
        constraint = violation + (self.average - current)
        loss = rate + self.log_multiplier.exp() * constraint
        self.log_multiplier = self.log_multiplier + self.step_size * self.average
        return loss


def make_step(settings, variant, images):
    """Makes one training step as a function without arguments.

    Args:
        settings: `num_steps` and `filters`.
        variant: Words among "eager", "compiled", "float32", "bfloat16".
        images: NumPy `[B, H, W, 1]` in [0, 1].
    """
    torch.manual_seed(0)
    model = ConvDRAW(images.shape[1], **settings).to(memory_format=torch.channels_last)
    forward = torch.compile(model) if "compiled" in variant else model
    batch = _images_to_torch(images).contiguous(memory_format=torch.channels_last)
    noise_shape = (settings["num_steps"], len(images), 4, *model.grid)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    objective = GECO(tolerance=0.1, multiplier=batch[0].numel() / (2 * 0.1**2))

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled="bfloat16" in variant):
            rate, reconstruction = forward(batch, torch.randn(noise_shape))
        squared_error = ((batch - reconstruction) ** 2).mean()
        loss = objective.loss(rate.mean(), squared_error)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def measure(settings, weights, images, noise, multiplier):
    """Computes rate, squared error and gradients with given weights, as `measure` of the zoo does.

    Args:
        settings: `num_steps` and `filters`.
        weights: The zoo model's weights, by name, in TensorFlow's layout.
        images: `[B, H, W, 1]`.
        noise: `[B, T, h, w, latent_filters]`.
        multiplier: λ of the loss mean rate + λ mean squared error.

    Returns:
        A dict of arrays: `rate` and `squared_error`, scalars, and gradients by weight name.
    """
    model = ConvDRAW(images.shape[1], **settings)
    parameters = {name.replace(".weight", ".kernel"): p for name, p in model.named_parameters()}
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(_weight_to_torch(weights[name]))
    batch = _images_to_torch(images)
    rate, reconstruction = model(batch, torch.from_numpy(noise).permute(1, 0, 4, 2, 3))
    squared_error = ((batch - reconstruction) ** 2).mean()
    (rate.mean() + multiplier * squared_error).backward()
    result = {name: _weight_from_torch(parameter.grad) for name, parameter in parameters.items()}
    return result | {"rate": rate.mean().item(), "squared_error": squared_error.item()}


def _images_to_torch(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def _weight_to_torch(weight):
    """Turns `[k, k, in, out]` to `[out, in, k, k]`, and `[h, w, C]` to `[C, h, w]`."""
    return torch.from_numpy(weight).permute({4: (3, 2, 0, 1), 3: (2, 0, 1), 1: (0,)}[weight.ndim])


def _weight_from_torch(weight):
    return weight.permute({4: (2, 3, 1, 0), 3: (1, 2, 0), 1: (0,)}[weight.ndim]).numpy()


def versions():
    """Returns the versions of what was measured."""
    return {"torch": torch.__version__}
