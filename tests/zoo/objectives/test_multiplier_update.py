"""GECO's multipliers: the recursion in float64, on a simulated model, and with all its settings."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.tiers import cover
from zoo.constraints import Custom, ReconstructionError
from zoo.objectives.multiplier_update import proportional_integral

DECAY, GAIN = 0.8, 2.0
NAMES = ["first", "second", "third"]


class Pixels:
    """What GECO needs of a model to make its state."""

    image_shape = (4, 4, 1)


def make_objective(**kwargs):
    """Three constraints whose signal is the violation over 0.5, 1 and 2, with their state."""
    constraints = [
        Custom(lambda record: record.rate, 0.0, name=name, scale=scale)
        for name, scale in zip(NAMES, (0.5, 1.0, 2.0), strict=True)
    ]
    return attached(zoo.GECO(constraints, decay=DECAY, **kwargs))


def attached(objective):
    pixels = Pixels()
    objective.attach(pixels)
    return objective


def run(objective, violations):
    """Feeds violations `[T, 3]`, one a step; gives log λ and the averages after each."""
    log_multipliers, averages = [], []
    for row in np.float32(violations):
        terms = {"rate": tf.zeros([2])} | {
            name: tf.fill([2], value) for name, value in zip(NAMES, row, strict=True)
        }
        objective.loss(terms, training=True)
        log_multipliers.append(np.float64(objective.log_multipliers))
        averages.append(np.float64(objective.moving_averages))
    return np.array(log_multipliers), np.array(averages)


def reference(violations, step_sizes, delay=0, bounds=(-30, 30), gain=GAIN):
    """The documented recursion of the averages and of log λ, in float64."""
    scales = np.array([0.5, 1.0, 2.0])
    log_multipliers, averages, start = [], [], np.clip(-np.log(scales), *bounds)
    average, log_multiplier = violations[0], start
    for step, violation in enumerate(violations):
        previous, average = average, DECAY * average + (1 - DECAY) * violation
        signal, before = (np.clip(m / scales, -0.5, 0.5) for m in (average, previous))
        slowdown = np.minimum(1.0, np.exp(start - log_multiplier)) ** 2
        integral = np.where(signal > 0, np.minimum(signal, 0.05) * slowdown, signal)
        if step >= delay:
            change = step_sizes * integral + gain * (signal - before)
            log_multiplier = np.clip(log_multiplier + change, *bounds)
        log_multipliers.append(log_multiplier)
        averages.append(average)
    return np.array(log_multipliers), np.array(averages)


@pytest.fixture
def violations():
    return np.random.default_rng(0).uniform(-1.5, 1.5, size=(40, 3))


@pytest.mark.parametrize(
    ("step_size", "expected"),
    [
        (None, [0.05, 0.05, 0.05]),
        (0.2, [0.2, 0.2, 0.2]),
        ([0.1, 0.2, 0.4], [0.1, 0.2, 0.4]),
        (np.array([0.1, 0.2, 0.4]), [0.1, 0.2, 0.4]),
        ({"third": 0.3, "first": 0.1}, [0.1, 0.05, 0.3]),
    ],
    ids=["default", "number", "list", "array", "dict"],
)
def test_each_constraint_has_its_step_size(violations, step_size, expected):
    objective = make_objective(step_size=step_size)
    log_multipliers, averages = run(objective, violations)
    wanted, wanted_averages = reference(violations, np.array(expected))
    np.testing.assert_allclose(averages, wanted_averages, atol=1e-6)
    np.testing.assert_allclose(log_multipliers, wanted, atol=1e-5)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(zoo.GECO(ReconstructionError(0.1), step_size=0.3))
    )
    assert copy.step_size == 0.3


def test_the_paper_rule_has_step_sizes_too(violations):
    sizes = np.array([0.1, 0.2, 0.4])
    objective = make_objective(step_size=list(sizes), update="algorithm-1")
    log_multipliers, averages = run(objective, violations)
    np.testing.assert_allclose(log_multipliers, np.cumsum(sizes * averages, axis=0), atol=1e-5)


@pytest.mark.parametrize("delay", [0, 3])
def test_above_the_tolerance_a_multiplier_is_the_elbos_weight_of_the_error(delay):
    tolerance, dimensions = 0.1, np.prod(Pixels.image_shape)
    objective = attached(
        zoo.GECO(ReconstructionError(tolerance, name="error"), decay=0.0, delay=delay)
    )
    errors = np.array([0.9, 0.5, 0.8, 0.4, 0.3, 0.2, 0.1, 0.05])  # Mean squared, all far above κ².
    for step, error in enumerate(errors):
        terms = {"rate": tf.zeros([1]), "error": tf.constant([error - tolerance**2], tf.float32)}
        objective.loss(terms, training=True)
        if step >= delay:
            elbo_weight = dimensions / (2 * error)
            assert objective.multipliers["error"] == pytest.approx(elbo_weight, rel=0.025)
        else:
            assert objective.multipliers["error"] == pytest.approx(dimensions / 2 / tolerance**2)


@pytest.mark.parametrize("delay", [1, 7, 100])
def test_multipliers_wait_for_the_delay_and_moving_averages_do_not(violations, delay):
    objective = make_objective(step_size=0.1, delay=delay)
    log_multipliers, averages = run(objective, violations)
    wanted, wanted_averages = reference(violations, 0.1, delay=delay)
    np.testing.assert_allclose(averages, wanted_averages, atol=1e-6)
    np.testing.assert_allclose(log_multipliers, wanted, atol=1e-5)
    assert np.ptp(log_multipliers[:delay], axis=0).max() == 0


def test_multipliers_stay_within_their_bounds_and_come_off_them(violations):
    bounds = (-0.5, 0.72)
    objective = make_objective(step_size=1.0, log_multiplier_bounds=bounds)
    violations = violations / 6 + 0.15 * np.sign(np.sin(np.arange(40) / 6))[:, None]
    log_multipliers, _ = run(objective, violations)
    wanted, _ = reference(violations, 1.0, bounds=bounds)
    np.testing.assert_allclose(log_multipliers, wanted, atol=1e-5)
    for bound in bounds:
        hit = np.isclose(wanted, bound)
        assert hit.any(), "the run must reach each bound to test it"
        assert not hit.all()


def test_a_multiplier_at_the_bound_given_is_infeasible_and_starts_within_it():
    objective = make_objective(log_multiplier_bounds=(-0.1, 0.1))
    np.testing.assert_allclose(objective.log_multipliers, [0.1, 0.0, -0.1], rtol=1e-6)
    assert objective.infeasible() == ["first"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step_size": [0.1, 0.2]}, "one for each of the 3 constraints.*\\[0.1, 0.2\\]"),
        ({"step_size": [0.1, 0.2, 0]}, "step_size must be a finite number above 0.*=0"),
        ({"step_size": {"fourth": 0.1}}, "must name constraints among.*Received: \\['fourth'\\]"),
        ({"step_size": {"first": -1}}, "step_size must be a finite number above 0.*=-1"),
        ({"step_size": float("inf")}, "step_size must be a finite number above 0.*=inf"),
        ({"step_size": "fast"}, "step_size must be a finite number above 0.*'fast'"),
        ({"delay": -1}, "delay must be an int .*: a number of steps.*delay=-1"),
        ({"delay": 1.5}, "delay must be an int .*: a number of steps.*delay=1.5"),
        ({"log_multiplier_bounds": (1, -1)}, r"must be \(least, largest\).*\(1, -1\)"),
        ({"log_multiplier_bounds": 30}, r"must be \(least, largest\).*bounds=30"),
        ({"log_multiplier_bounds": (0, float("inf"))}, r"must be \(least, largest\)"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_objective(**arguments)


# === The recursion on a simulated model ===

EIGENVALUES = 50.0 * np.arange(1, 785) ** -1.4  # About MNIST's spectrum; their mean is 0.19.


def least_error(multiplier):
    """The mean squared error of an ideal code at λ: reverse water-filling, θ = D / (2λ)."""
    return np.minimum(EIGENVALUES.size / (2 * multiplier), EIGENVALUES).mean()


def simulate(tolerance, num_steps, lag, noise, capacity=0.0, decay=0.95):
    """Runs the default update on a model that learns slowly and is seen through noise.

    Its error is an ideal code's, and never below `capacity`, with an excess that training takes
    away, half at first and the rest in a thousand steps; it follows λ within about `lag` steps.

    Args:
        tolerance: κ.
        num_steps: Steps of training.
        lag: Steps in which the error follows what λ asks for, to 1/e.
        noise: Standard deviation of a batch's log error.
        capacity: Least mean squared error.
        decay: Decay of the moving average.

    Returns:
        The error over κ and λ over λ_0 after each step.
    """
    rng = np.random.default_rng(0)
    start = EIGENVALUES.size / (2 * tolerance**2)
    log_error = np.log(0.23)
    average, signal, theta, trajectory = 0.23, None, 0.0, []
    for step in range(num_steps):
        average = decay * average + (1 - decay) * np.exp(log_error + noise * rng.normal())
        before, signal = signal, np.log(average / tolerance**2)
        before = signal if before is None else before
        log_excess = theta - max(before, 0.0)
        theta += float(proportional_integral(signal, before, log_excess, 0.05, 2.0))
        log_excess = theta - max(signal, 0.0)
        asked = least_error(start * np.exp(log_excess)) + capacity
        asked *= 1 + 0.5 * np.exp(-step / 1000)
        log_error += (np.log(max(asked, 0.23 * np.exp(-step / 60))) - log_error) / lag
        trajectory.append((np.exp(log_error / 2) / tolerance, np.exp(log_excess)))
    return np.array(trajectory).T


@pytest.mark.parametrize("tolerance", cover([0.06, 0.1, 0.15, 0.2], [0.06, 0.2]))
@pytest.mark.parametrize("lag", [10, 30, 60])
@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_the_error_is_within_3_percent_of_the_tolerance_from_step_1000_on(tolerance, lag, noise):
    errors, multipliers = simulate(tolerance, 4000, lag, noise)
    assert np.abs(errors[1000:] - 1).max() < 0.03
    assert multipliers.max() < 2, "from twice λ_0 on a tolerance counts as out of reach"


@pytest.mark.parametrize("capacity", [1.2, 4.0])
def test_a_tolerance_out_of_reach_does_not_wind_the_multiplier_up(capacity):
    errors, multipliers = simulate(0.1, 8000, lag=30, noise=0.04, capacity=capacity * 0.1**2)
    assert errors[-1] > 1.05
    # By the integral λ² grows by 2 · 0.05 · 0.05 λ_0² a step, so to 6.4 λ_0; by factors to e^20.
    assert 2 < multipliers[-1] < 7


def test_above_its_start_a_multiplier_rises_ever_slower_and_falls_by_factors():
    log_excess = 0.0
    for _ in range(400):
        log_excess += proportional_integral(0.4, 0.4, log_excess, 0.02, 2.0)
    # d log λ / dt = 0.001 (λ_0 / λ)², so λ² grows by 0.002 λ_0² a step.
    np.testing.assert_allclose(np.exp(log_excess), np.sqrt(1 + 400 * 0.002), rtol=0.01)
    assert proportional_integral(-4.0, -4.0, log_excess, 0.02, 2.0) == pytest.approx(-0.02 * 0.5)


def test_the_recursion_is_the_same_in_tensorflow_and_numpy():
    rng = np.random.default_rng(0)
    signal, before, excess = rng.normal(size=(3, 1000))
    tensors = (tf.constant(values, tf.float32) for values in (signal, before, excess))
    actual = proportional_integral(*tensors, 0.05, 2.0, xp=tf)
    expected = proportional_integral(signal, before, excess, 0.05, 2.0)
    np.testing.assert_allclose(actual, expected, atol=1e-6)
