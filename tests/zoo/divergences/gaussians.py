"""Closed forms between Gaussians, the references that the tests and benchmarks measure against."""

import numpy as np


def mmd(scale, dimension, bandwidths):
    """MMD² of N(0, scale² I) and N(0, I), with the mean of RBF kernels exp(-r² / bandwidth).

    A difference a - b with variance v an axis has E exp(-‖a - b‖² / h) = (1 + 2v/h)^(-d/2).
    """

    def mean_kernel(variance):
        return np.mean([(1 + 2 * variance / h) ** (-dimension / 2) for h in bandwidths])

    return mean_kernel(2 * scale**2) - 2 * mean_kernel(scale**2 + 1) + mean_kernel(2)


def stein(scale, dimension, bandwidths):
    """Squared kernel Stein discrepancy of N(0, scale² I) from N(0, I), same kernels.

    With r = z - z' and u = z + z', independent, z·z' = (‖u‖² - ‖r‖²) / 4. Under the weight
    exp(-‖r‖² / h) r is normal too, with variance τ = 2 scale² / (1 + 4 scale² / h) an axis.
    """
    total = 0.0
    for h in bandwidths:
        mean_kernel = (1 + 4 * scale**2 / h) ** (-dimension / 2)
        tau = 2 * scale**2 / (1 + 4 * scale**2 / h)
        inner = (2 * scale**2 - tau) / 4 - 2 * tau / h + 2 / h - 4 * tau / h**2
        total += mean_kernel * dimension * inner
    return total / len(bandwidths)


def kl(scale, dimension):
    """KL of N(0, scale² I) from N(0, I), in nats."""
    return dimension / 2 * (scale**2 - 1 - 2 * np.log(scale))
