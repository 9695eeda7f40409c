"""Distributions of the zoo: the likelihoods over images that an architecture can end in."""

from zoo.distributions.bernoulli import Bernoulli, ContinuousBernoulli
from zoo.distributions.gaussian import Gaussian
from zoo.distributions.likelihood import Likelihood, get_likelihood

__all__ = ["Bernoulli", "ContinuousBernoulli", "Gaussian", "Likelihood", "get_likelihood"]
