"""Distances between the aggregated posterior q(z) and the prior p(z), for `zoo.InfoVAE`."""

from zoo.divergences.adversarial import Adversarial
from zoo.divergences.divergence import Divergence
from zoo.divergences.mmd import MMD
from zoo.divergences.stein import Stein

__all__ = ["MMD", "Adversarial", "Divergence", "Stein"]
