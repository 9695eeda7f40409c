"""The variances of a diffusion's steps, against the normals that they come of."""

import numpy as np
import pytest

from zoo.models.diffusion.noise_schedule import NoiseSchedule


def test_tables_are_those_of_the_chain():
    schedule = NoiseSchedule(100, (1e-4, 0.02))
    assert schedule.beta[[0, -1]] == pytest.approx([1e-3, 0.2])
    variance, signal = 0.0, 1.0
    for beta, expected in zip(schedule.beta, schedule.signal, strict=True):
        variance, signal = (1 - beta) * variance + beta, signal * (1 - beta)
        assert (signal, 1 - variance) == pytest.approx((expected, expected))


def test_the_weight_is_that_of_the_kl_between_posterior_and_step():
    schedule = NoiseSchedule(50, (1e-4, 0.02))
    generator = np.random.default_rng(0)
    clean, added, predicted = generator.standard_normal((3, 7))
    for t in (2, 17, 50):
        beta, a = schedule.beta[t - 1], schedule.a[t - 1]
        now, before = schedule.signal[t - 1], schedule.signal[t - 2]
        noised = np.sqrt(now) * clean + np.sqrt(1 - now) * added
        # q(x_{t-1} | x_t, x_0), by the product of two normals.
        precision = a / beta + 1 / (1 - before)
        mean = (np.sqrt(a) * noised / beta + np.sqrt(before) * clean / (1 - before)) / precision
        step = (noised - beta * predicted / np.sqrt(1 - now)) / np.sqrt(a)
        assert schedule.posterior[t - 1] == pytest.approx(1 / precision)
        expected = 0.5 * precision * np.sum((mean - step) ** 2)
        found = schedule.weight[t - 1] * np.sum((added - predicted) ** 2)
        assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, (1e-4, 0.02)), "num_steps must be an int of at least 2"),
        ((1000, (1e-4, 2e-3)), "variances must be such that at most 0.001.*These leave 0.35"),
        ((100, (0.02, 1e-4)), r"variances must be \(first, last\), rising"),
        ((100, 0.02), r"variances must be \(first, last\)"),
    ],
)
def test_what_leaves_signal_is_refused_with_its_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        NoiseSchedule(*arguments)
