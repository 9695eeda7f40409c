"""The peer of `zoo.ConvClassifier`."""

import itertools

import torch.nn.functional as F
from torch import nn

from benchmarks.peers.networks import widened

LOGIT_SCALE = 0.125


class NormalizedConvolution(nn.Module):
    """3x3 convolution, optional pooling, batch normalisation without a scale, ReLU."""

    def __init__(self, inputs, filters, pool=False):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, filters, 3, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2, ceil_mode=True) if pool else nn.Identity()
        self.normalisation = nn.BatchNorm2d(filters)
        self.normalisation.weight.requires_grad_(False)

    def forward(self, grid):
        """Returns `[B, filters, H, W]`, half of it where it pools."""
        return F.relu(self.normalisation(self.pool(self.convolution(grid))))


class Peer(nn.Module):
    """Arguments as in `zoo.ConvClassifier`."""

    has_mirrored_weights = sees_mirrored_images = False
    noise_shape = None  # Labels come with the images.

    def __init__(self, filters, num_classes=10):
        super().__init__()
        self.stem = NormalizedConvolution(1, filters[0])
        self.stages = nn.ModuleList(
            nn.ModuleList(
                (
                    NormalizedConvolution(before, width, pool=True),
                    NormalizedConvolution(width, width),
                    NormalizedConvolution(width, width),
                )
            )
            for before, width in itertools.pairwise(filters)
        )
        self.head = nn.Linear(filters[-1], num_classes)

    def forward(self, images, labels):
        """Returns the mean cross-entropy, alone."""
        grid = self.stem(images - 0.5)
        for reduce, first, second in self.stages:
            grid = reduce(grid)
            grid = grid + second(first(grid))
        logits = widened(self.head(grid.amax((2, 3)))) * LOGIT_SCALE
        return (F.cross_entropy(logits, labels),)
