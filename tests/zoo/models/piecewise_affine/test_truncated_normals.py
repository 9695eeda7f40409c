"""Truncated normals against SciPy and quadrature, near and far out."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_ndtr

from zoo.models.piecewise_affine import truncated_normals

INTERVALS = [
    (-np.inf, 0.3),
    (-1.0, 2.0),
    (0.5, np.inf),
    (3.0, 3.5),
    (-9.0, -8.0),
    (10.0, np.inf),
    (40.0, 41.0),
    (-0.2, -0.2 + 1e-7),
]


def ends_of(intervals):
    return [tf.constant(ends, tf.float64) for ends in zip(*intervals, strict=True)]


def by_quadrature(low, high):
    low, high = max(low, -12.0), min(high, 12.0 if low < 5 else low + 3.0)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    values = 0.5 * (low + high) + 0.5 * (high - low) * nodes
    log_density = -0.5 * values**2
    shares = np.exp(log_density - log_density.max()) * weights
    mass = np.log(shares.sum() * 0.5 * (high - low)) + log_density.max() - 0.5 * np.log(2 * np.pi)
    shares /= shares.sum()
    return mass, shares @ values, shares @ values**2


def test_moments_are_those_of_quadrature():
    found = np.stack(truncated_normals.moments(*ends_of(INTERVALS)), axis=1)
    for interval, moments in zip(INTERVALS, found, strict=True):
        # Rounding leaves of the narrowest as many digits as its width has.
        rtol = 1e-7 if interval[1] - interval[0] < 1e-6 else 1e-12
        np.testing.assert_allclose(moments, by_quadrature(*interval), rtol=rtol, err_msg=interval)


def test_log_mass_of_a_tail_is_scipys():
    highs = np.array([-1e3, -60.0, -20.1, -5.0, 0.0, 3.0])
    lows = np.full_like(highs, -np.inf)
    found = truncated_normals.log_mass(tf.constant(lows), tf.constant(highs))
    np.testing.assert_allclose(found, log_ndtr(highs), rtol=1e-13)


def test_an_empty_interval_has_no_mass_and_no_nan():
    log_mass, mean, square = truncated_normals.moments(*ends_of([(1.0, 1.0)]))
    assert float(log_mass[0]) == -np.inf
    assert (float(mean[0]), float(square[0])) == (1.0, 1.0)


@pytest.mark.parametrize("share", [1e-6, 0.3, 0.999])
def test_quantiles_have_that_share_of_the_mass_below(share):
    low, high = ends_of(INTERVALS)
    found = truncated_normals.quantile(low, high, tf.fill(low.shape, tf.cast(share, tf.float64)))
    assert np.all((found >= low) & (found <= high))
    below = truncated_normals.log_mass(low, found) - truncated_normals.log_mass(low, high)
    # Of the narrowest interval rounding leaves so many digits.
    np.testing.assert_allclose(np.exp(below), share, rtol=1e-6, atol=1e-8)
