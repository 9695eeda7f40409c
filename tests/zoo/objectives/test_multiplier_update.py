"""GECO's step sizes, delay and bounds against a float64 recursion of the multipliers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo.constraints import Custom, ReconstructionError

DECAY, GAIN = 0.8, 2.0
NAMES = ["first", "second", "third"]


def make_objective(**kwargs):
    """Three constraints whose signal is the violation over 0.5, 1 and 2, attached to a model."""
    constraints = [
        Custom(lambda record: record.rate, 0.0, name=name, scale=scale)
        for name, scale in zip(NAMES, (0.5, 1.0, 2.0), strict=True)
    ]
    objective = zoo.GECO(constraints, decay=DECAY, **kwargs)
    model = contract.make_model(contract.SMALLEST)
    model.compile(contract.linear_optimizer(), objective=objective)
    return model, objective  # An objective does not keep its model alive.


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
    """The documented recursion; signals stay within ±0.5, where none is clipped or waits."""
    scales = np.array([0.5, 1.0, 2.0])
    log_multipliers, averages, start = [], [], np.clip(-np.log(scales), *bounds)
    average, log_multiplier = violations[0], start
    for step, violation in enumerate(violations):
        previous, average = average, DECAY * average + (1 - DECAY) * violation
        integral = step_sizes * average / scales
        is_slowed = (integral > 0) & (log_multiplier >= start)
        integral = np.where(is_slowed, integral * np.exp(start - log_multiplier) / 10, integral)
        change = integral + gain * (average - previous) / scales
        if step >= delay:
            log_multiplier = np.clip(log_multiplier + change, *bounds)
        log_multipliers.append(log_multiplier)
        averages.append(average)
    return np.array(log_multipliers), np.array(averages)


@pytest.fixture
def violations():
    return np.random.default_rng(0).uniform(-0.25, 0.25, size=(40, 3))


@pytest.mark.parametrize(
    ("step_size", "expected"),
    [
        (None, [0.01, 0.01, 0.01]),
        (0.2, [0.2, 0.2, 0.2]),
        ([0.1, 0.2, 0.4], [0.1, 0.2, 0.4]),
        (np.array([0.1, 0.2, 0.4]), [0.1, 0.2, 0.4]),
        ({"third": 0.3, "first": 0.1}, [0.1, 0.01, 0.3]),
    ],
    ids=["default", "number", "list", "array", "dict"],
)
def test_each_constraint_has_its_step_size(violations, step_size, expected):
    _model, objective = make_objective(step_size=step_size)
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
    _model, objective = make_objective(step_size=list(sizes), update="algorithm-1")
    log_multipliers, averages = run(objective, violations)
    np.testing.assert_allclose(log_multipliers, np.cumsum(sizes * averages, axis=0), atol=1e-5)


def test_above_its_start_a_multiplier_rises_in_constant_steps_and_falls_by_factors():
    _model, objective = make_objective(step_size=0.02, proportional_gain=0.0)
    scales = np.array([0.5, 1.0, 2.0])
    rise, _ = run(objective, np.tile(0.4 * scales, [400, 1]))
    expected = 1.0 + 400 * 0.02 * 0.4 / 10
    np.testing.assert_allclose(np.exp(rise[-1]) * scales, expected, rtol=0.01)
    fall, _ = run(objective, np.tile(-4.0 * scales, [400, 1]))  # Clipped to -0.5.
    np.testing.assert_allclose(fall[-1] - fall[-101], -100 * 0.02 * 0.5, rtol=1e-4)


@pytest.mark.parametrize("delay", [0, 3])
def test_above_the_tolerance_a_multiplier_is_the_elbos_weight_of_the_error(delay):
    tolerance, dimensions = 0.1, np.prod(contract.IMAGE_SHAPE)
    objective = zoo.GECO(ReconstructionError(tolerance, name="error"), decay=0.0, delay=delay)
    model = contract.make_model(contract.SMALLEST)
    model.compile(contract.linear_optimizer(), objective=objective)
    errors = np.array([0.9, 0.5, 0.8, 0.4, 0.3, 0.2, 0.1, 0.05])  # Mean squared, all far above κ².
    for step, error in enumerate(errors):
        terms = {"rate": tf.zeros([1]), "error": tf.constant([error - tolerance**2], tf.float32)}
        objective.loss(terms, training=True)
        if step >= delay:
            elbo_weight = dimensions / (2 * error)
            assert objective.multipliers["error"] == pytest.approx(elbo_weight, rel=0.01)
        else:
            assert objective.multipliers["error"] == pytest.approx(dimensions / 2 / tolerance**2)


def test_without_gain_the_default_update_is_the_papers_rule_on_the_signal(violations):
    _model, objective = make_objective(step_size=0.2, proportional_gain=0.0)
    wanted, _ = reference(violations, 0.2, gain=0.0)
    np.testing.assert_allclose(run(objective, violations)[0], wanted, atol=1e-5)


@pytest.mark.parametrize("delay", [1, 7, 100])
def test_multipliers_wait_for_the_delay_and_moving_averages_do_not(violations, delay):
    _model, objective = make_objective(step_size=0.1, delay=delay)
    log_multipliers, averages = run(objective, violations)
    wanted, wanted_averages = reference(violations, 0.1, delay=delay)
    np.testing.assert_allclose(averages, wanted_averages, atol=1e-6)
    np.testing.assert_allclose(log_multipliers, wanted, atol=1e-5)
    assert np.ptp(log_multipliers[:delay], axis=0).max() == 0


def test_multipliers_stay_within_their_bounds_and_come_off_them(violations):
    bounds = (-0.5, 0.72)
    _model, objective = make_objective(step_size=1.0, log_multiplier_bounds=bounds)
    violations = violations + 0.15 * np.sign(np.sin(np.arange(40) / 6))[:, None]
    log_multipliers, _ = run(objective, violations)
    wanted, _ = reference(violations, 1.0, bounds=bounds)
    np.testing.assert_allclose(log_multipliers, wanted, atol=1e-5)
    for bound in bounds:
        hit = np.isclose(wanted, bound)
        assert hit.any(), "the run must reach each bound to test it"
        assert not hit.all()


def test_a_multiplier_at_the_bound_given_is_infeasible_and_starts_within_it():
    _model, objective = make_objective(log_multiplier_bounds=(-0.1, 0.1))
    np.testing.assert_allclose(objective.log_multipliers, [0.1, 0.0, -0.1], rtol=1e-6)
    assert objective.infeasible() == ["first"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step_size": [0.1, 0.2]}, "one for each of the 3 constraints.*\\[0.1, 0.2\\]"),
        ({"step_size": [0.1, 0.2, 0]}, "above 0, and finite, for every constraint"),
        ({"step_size": {"fourth": 0.1}}, "must name constraints among.*Received: \\['fourth'\\]"),
        ({"step_size": {"first": -1}}, "step_size must be above 0"),
        ({"step_size": float("inf")}, "step_size must be above 0, and finite"),
        ({"step_size": "fast"}, "step_size must be above 0.*'fast'"),
        ({"delay": -1}, "delay must be a number of steps.*delay=-1"),
        ({"delay": 1.5}, "delay must be a number of steps.*delay=1.5"),
        ({"log_multiplier_bounds": (1, -1)}, r"must be \(least, largest\).*\(1, -1\)"),
        ({"log_multiplier_bounds": 30}, r"must be \(least, largest\).*bounds=30"),
        ({"log_multiplier_bounds": (0, float("inf"))}, r"must be \(least, largest\)"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_objective(**arguments)
