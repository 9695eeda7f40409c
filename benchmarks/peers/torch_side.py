"""PyTorch's side: the training step of a peer as a good PyTorch programmer would write it.

channels_last; fused optimisers; gradients set to None; `torch.compile` over forward and backward;
bfloat16 autocast.
"""

import importlib

import numpy as np
import torch

from benchmarks.conv_draw_torch import GECO
from benchmarks.peers.networks import as_torch, set_weights

_ROUNDING = 1e-5  # Of the largest gradient.


def make_step(peer, settings, variant, images, labels):
    """Makes one training step as a function without arguments.

    Args:
        peer: Name of a module of this package.
        settings: As in `benchmarks.peers.settings.of`.
        variant: Words among "eager", "compiled", "float32", "bfloat16".
        images: NumPy `[B, H, W, 1]` in [0, 1].
        labels: NumPy `[B]`, int64.
    """
    torch.manual_seed(0)
    model = make_model(peer, settings).to(memory_format=torch.channels_last)
    forward = torch.compile(model) if "compiled" in variant else model
    batch = _images_to_torch(images).contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(labels)
    optimizer = _make_optimizer(model, settings["optimizer"])
    loss_of = _make_loss(settings)

    def step():
        given = labels
        if model.noise_shape is not None:
            given = torch.randn(len(batch), *model.noise_shape)
        with torch.autocast("cpu", torch.bfloat16, enabled="bfloat16" in variant):
            terms = forward(batch, given)
        loss = loss_of(*terms)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def compare(peer, settings, found):
    """Computes the terms and gradients of the loss with our weights, in float64, beside ours.

    In float32 an activation whose input is nearly 0 may be on for one side and off for the other.

    Args:
        peer: Name of a module of this package.
        settings: As in `benchmarks.peers.settings.of`.
        found: What `zoo_side.measure` returned.

    Returns:
        The largest relative difference of a term, and that of any weight's gradient, each of norms.
    """
    model = make_model(peer, settings).double()
    set_weights(model, found["weights"])
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    images, given = _images_to_torch(found["images"]).double(), torch.from_numpy(found["given"])
    images = images.flip(2, 3) if model.sees_mirrored_images else images
    terms = model(images, given.double() if given.is_floating_point() else given)
    sum(w * term for w, term in zip(found["term_weights"], terms, strict=True)).backward()
    ours = as_torch(model, found["gradients"])
    theirs = [parameter.grad for parameter in parameters]
    terms = [torch.stack(terms).detach(), torch.tensor(found["terms"])]
    return {
        "loss": ((terms[0] - terms[1]).abs() / terms[1].abs()).max().item(),
        "gradients": _largest_difference(theirs, ours),
    }


def _largest_difference(theirs, ours):
    """Returns the largest relative difference of two lists of gradients; nan where one is nan.

    A bias before a normalisation has a gradient of 0, and either side's rounding of it: both must
    be tiny.
    """
    least = _ROUNDING * max(gradient.norm() for gradient in ours)
    differences = [
        (their - our).norm() / our.norm()
        for their, our in zip(theirs, ours, strict=True)
        if their.norm() > least or our.norm() > least
    ]
    return torch.stack(differences).max().item()


def make_model(peer, settings):
    """Makes the networks of a peer."""
    module = importlib.import_module(f"benchmarks.peers.{peer}")
    return module.Peer(**settings["architecture"])


def _make_optimizer(model, settings):
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if settings["class_name"] == "SGD":
        ways = {"momentum": settings["momentum"], "weight_decay": settings["weight_decay"]}
        return torch.optim.SGD(
            weights, settings["learning_rate"], nesterov=True, fused=True, **ways
        )
    return torch.optim.Adam(weights, settings["learning_rate"], fused=True)


def _make_loss(settings):
    if settings["objective"] == "GECO":
        tolerance = settings["tolerance"]
        return GECO(tolerance, multiplier=settings["term_weights"][1]).loss
    return lambda *terms: sum(w * t for w, t in zip(settings["term_weights"], terms, strict=True))


def _images_to_torch(images):
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)


def versions():
    """Returns the versions of what was measured."""
    return {"torch": torch.__version__}
