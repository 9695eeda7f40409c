"""MMD against loops in float64, closed forms and finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tiers import cover
from tests.zoo.divergences import gaussians
from zoo.divergences import MMD


def kernel_of(form, bandwidths, a, b):
    squared = ((a - b) ** 2).sum()
    if form == "rbf":
        return np.mean([np.exp(-squared / h) for h in bandwidths])
    return np.mean([1 / (1 + squared / h) for h in bandwidths])


def mmd_by_loops(samples, others, form, bandwidths, estimator):
    def mean(xs, ys):
        same = xs is ys and estimator == "unbiased"
        values = [
            kernel_of(form, bandwidths, x, y)
            for i, x in enumerate(xs)
            for j, y in enumerate(ys)
            if not (same and i == j)
        ]
        return np.mean(values)

    return mean(samples, samples) - 2 * mean(samples, others) + mean(others, others)


def two_samples(dimension=5, offset=0.0):
    rng = np.random.default_rng(0)
    samples = (0.5 * rng.normal(size=(8, dimension)) + 0.3 + offset).astype(np.float32)
    others = (rng.normal(size=(11, dimension)) + offset).astype(np.float32)
    return samples, others


@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
@pytest.mark.parametrize(
    ("form", "bandwidth", "bandwidths"),
    [
        ("rbf", "paper", [25.0]),
        ("rbf", "multiscale", [2.5, 10.0, 40.0]),
        ("rbf", 3.0, [3.0]),
        ("inverse_multiquadric", "dimension", [10.0]),
    ],
)
def test_value_is_that_of_loops(estimator, form, bandwidth, bandwidths):
    samples, others = two_samples()
    value = MMD(bandwidth, estimator, form)(samples, others)
    expected = mmd_by_loops(np.float64(samples), np.float64(others), form, bandwidths, estimator)
    assert float(value) == pytest.approx(expected, abs=1e-6)


def test_value_keeps_its_digits_far_from_the_origin():
    samples, others = two_samples(offset=100.0)
    expected = mmd_by_loops(np.float64(samples), np.float64(others), "rbf", [10.0], "unbiased")
    assert float(MMD("dimension")(samples, others)) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_gradient_is_that_of_finite_differences(offset):
    samples, others = two_samples(offset=offset)
    watched = tf.constant(samples), tf.constant(others)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = MMD("dimension")(*watched)
    step = 1e-5
    arrays = [np.float64(samples), np.float64(others)]
    for which, gradient in enumerate(tape.gradient(value, watched)):
        for row, axis in ((0, 0), (3, 4), (7, 2)):
            ends = []
            for sign in (1, -1):
                moved = [array.copy() for array in arrays]
                moved[which][row, axis] += sign * step
                ends.append(mmd_by_loops(*moved, "rbf", [10.0], "unbiased"))
            expected = (ends[0] - ends[1]) / (2 * step)
            assert float(gradient[row, axis]) == pytest.approx(expected, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("bandwidth", cover(["paper", "dimension", "multiscale"], ["multiscale"]))
@pytest.mark.parametrize("dimension", [2, 64])
def test_many_samples_of_gaussians_have_the_closed_form(bandwidth, dimension):
    rng = np.random.default_rng(1)
    measure = MMD(bandwidth)
    values = []
    for _ in range(40):
        samples, others = rng.normal(size=(2, 500, dimension)).astype(np.float32)
        values.append(float(measure(0.5 * samples, others)))
    expected = gaussians.mmd(0.5, dimension, measure._kernel.bandwidths(dimension))
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values) - expected) < 4 * error
    assert error < 0.05 * expected


def test_unbiased_estimator_is_zero_in_the_mean_for_equal_distributions():
    rng = np.random.default_rng(2)
    draws = tf.constant(rng.normal(size=(400, 2, 10, 3)), tf.float32)
    values = {}
    for estimator in ("unbiased", "biased"):
        measure = tf.function(MMD(estimator=estimator))
        values[estimator] = np.array([float(measure(*pair)) for pair in draws])
    unbiased = values["unbiased"]
    assert abs(unbiased.mean()) < 4 * unbiased.std() / np.sqrt(400)
    assert unbiased.min() < 0 <= min(values["biased"])
    # E of the biased one is 2 (1 - E k) / n, E k with variance 2 an axis.
    mean_kernel = np.mean([(1 + 4 / h) ** -1.5 for h in (1.5, 6.0, 24.0)])
    assert np.mean(values["biased"]) == pytest.approx(2 * (1 - mean_kernel) / 10, rel=0.1)


@pytest.mark.thorough
def test_default_sees_a_standard_deviation_at_64_dimensions_and_the_papers_kernel_does_not():
    rng = np.random.default_rng(3)
    shifts = {}
    for bandwidth in ("multiscale", "paper"):
        measure, nulls, values = MMD(bandwidth), [], []
        for _ in range(30):
            samples, others = rng.normal(size=(2, 256, 64)).astype(np.float32)
            nulls.append(float(measure(samples, others)))
            values.append(float(measure(0.5 * samples, others)))
        shifts[bandwidth] = (np.mean(values) - np.mean(nulls)) / np.std(nulls)
    assert shifts["multiscale"] > 50
    assert shifts["paper"] < 10


def test_config_round_trip():
    divergence = MMD([2.0, 6.0], "biased", "inverse_multiquadric")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(divergence))
    assert copy.get_config() == divergence.get_config()
    samples = two_samples()
    assert float(copy(*samples)) == float(divergence(*samples))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4,), (4,)), r"\[N, d\] and \[M, d\].*\(4,\)"),
        (((4, 2), (4, 3)), r"\[N, d\] and \[M, d\].*\(4, 2\) and \(4, 3\)"),
        (((1, 2), (4, 2)), r"at least 2 samples.*\(1, 2\)"),
    ],
)
def test_samples_that_cannot_be_compared_are_named(shapes, message):
    with pytest.raises(ValueError, match=message):
        MMD()(*map(np.zeros, shapes))


def test_unknown_estimators_are_named():
    with pytest.raises(ValueError, match=r"one of 'unbiased', 'biased'.*estimator='u'"):
        MMD(estimator="u")
