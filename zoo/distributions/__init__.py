"""Distributions: the likelihoods over images that an architecture can end in, and a flow."""

from zoo.distributions.bernoulli import Bernoulli, ContinuousBernoulli
from zoo.distributions.discretized_logistic_mixture import DiscretizedLogisticMixture
from zoo.distributions.gaussian import Gaussian
from zoo.distributions.likelihood import Likelihood, get_likelihood
from zoo.distributions.real_nvp import RealNVP

__all__ = [
    "Bernoulli",
    "ContinuousBernoulli",
    "DiscretizedLogisticMixture",
    "Gaussian",
    "Likelihood",
    "RealNVP",
    "get_likelihood",
]
