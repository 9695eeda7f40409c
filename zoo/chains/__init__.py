"""Markov chains on densities, of which they ask no more than a value and a gradient."""

from zoo.chains.annealed_path import annealed_path
from zoo.chains.annealing import annealed_log_weights, inverse_temperatures, log_mean
from zoo.chains.langevin import LangevinChain, langevin

__all__ = [
    "LangevinChain",
    "annealed_log_weights",
    "annealed_path",
    "inverse_temperatures",
    "langevin",
    "log_mean",
]
