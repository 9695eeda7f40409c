"""Kernels: their forms, their derivatives, their bandwidths, distances in float32."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.divergences.kernels import Kernel, squared_distances


def test_forms_are_those_documented():
    squared = np.array([0.0, 0.5, 7.0], np.float32)
    rbf = Kernel("rbf", 3.0).values(squared, 4)
    np.testing.assert_allclose(rbf, np.exp(-squared / 3), rtol=1e-6)
    inverse = Kernel("inverse_multiquadric", [3.0, 5.0]).values(squared, 4)
    expected = (1 / (1 + squared / 3) + 1 / (1 + squared / 5)) / 2
    np.testing.assert_allclose(inverse, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("bandwidth", "expected"),
    [
        ("paper", [64.0]),
        ("dimension", [16.0]),
        ("multiscale", [4.0, 16.0, 64.0]),
        (3, [3.0]),
        ((1, 2.5), [1.0, 2.5]),
    ],
)
def test_bandwidths_in_8_dimensions(bandwidth, expected):
    assert Kernel("rbf", bandwidth).bandwidths(8) == expected


@pytest.mark.parametrize("form", ["rbf", "inverse_multiquadric"])
def test_derivatives_are_those_of_finite_differences(form):
    squared, step = np.linspace(0.1, 9.0, 7), 1e-2
    kernel = Kernel(form, [2.0, 5.0])
    value, slope, curve = (np.float64(v) for v in kernel.derivatives(tf.constant(squared), 3))
    above, below = (np.float64(kernel.values(tf.constant(squared + s), 3)) for s in (step, -step))
    np.testing.assert_allclose(slope, (above - below) / (2 * step), rtol=1e-3)
    np.testing.assert_allclose(curve, (above - 2 * value + below) / step**2, rtol=1e-3)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_distances_keep_their_digits_far_from_the_origin(offset):
    rng = np.random.default_rng(0)
    rows, columns = (
        rng.normal(size=(n, 64)).astype(np.float32) + np.float32(offset) for n in (9, 7)
    )
    exact = ((np.float64(rows)[:, None] - np.float64(columns)) ** 2).sum(axis=-1)
    np.testing.assert_allclose(squared_distances(rows, columns), exact, rtol=3e-6)
    np.testing.assert_allclose(np.diag(squared_distances(rows, rows)), np.zeros(9), atol=1e-4)


@pytest.mark.parametrize("bandwidth", [0, -1.0, "2d", [], [1.0, 0.0], None, True, float("inf")])
def test_bad_bandwidths_are_named(bandwidth):
    with pytest.raises(
        ValueError, match=r"bandwidth must be a number above 0.*Received: bandwidth="
    ):
        Kernel("rbf", bandwidth)


def test_unknown_kernels_are_named():
    with pytest.raises(ValueError, match=r"'inverse_multiquadric', 'rbf'.*kernel='laplace'"):
        Kernel("laplace", 1.0)
