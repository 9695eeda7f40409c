"""GECO over a range of tolerances, against a float64 recursion and GECO of one tolerance."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo.constraints import PatchCorrelation, ReconstructionError
from zoo.objectives.multiplier_update import proportional_integral

ENDS = (0.3, 0.6)
DECAY, STEP_SIZE, GAIN = 0.9, 0.05, 2.0
# Batches of tolerances as shares of the trained range: spread, at one knot, between two, at an end.
BATCHES = [[0.02, 0.3, 0.55, 0.97], [0.5, 0.5], [0.2, 0.3, 0.1], [0.0], [1.0, 0.999]] * 3


def attached(constraint, **kwargs):
    """GECO with a constraint, as `compile` leaves it, without a training step."""
    objective = zoo.GECO(constraint, decay=DECAY, step_size=STEP_SIZE, **kwargs)
    name = "ConvVAE" if constraint.range is None else "ConvVAE_range"
    model = contract.make_model(name)
    objective.attach(model)
    object.__setattr__(objective, "kept", model)  # It holds it by a weak reference.
    return objective


def terms_of(tolerances, violations):
    rates = np.linspace(3.0, 5.0, len(tolerances))
    named = {"rate": rates, "error": violations, "tolerance": tolerances}
    return {name: tf.constant(values, tf.float32) for name, values in named.items()}


def hats_of(shares, num_knots):
    places = np.float64(shares) * (num_knots - 1)
    return np.maximum(0, 1 - np.abs(np.subtract.outer(places, np.arange(num_knots))))


def test_the_table_moves_as_the_recursion_says():
    num_knots, d = 5, np.prod(contract.IMAGE_SHAPE)
    objective = attached(ReconstructionError(ENDS, "error", knots=num_knots))
    trained = ReconstructionError(ENDS).range.trained
    rng = np.random.default_rng(0)
    start = table = np.full(num_knots, np.log(d / 2))
    averages = discount = None
    for shares in BATCHES:
        tolerances = trained.at(np.float32(shares)).numpy()
        violations = rng.uniform(-0.8, 2.0, len(shares))
        hats, before = hats_of(shares, num_knots), table
        mass = hats.sum(axis=0)
        means = np.where(mass > 0, hats.T @ violations / np.maximum(mass, 1e-9), violations.mean())
        first = averages is None
        previous = means if first else averages
        decay = DECAY ** (mass * num_knots / len(shares))
        averages = decay * previous + (1 - decay) * means
        change = proportional_integral(
            np.log1p(averages), np.log1p(previous), table - start, STEP_SIZE, GAIN
        )
        discount = np.zeros(num_knots) if first else np.log1p(np.maximum(previous, 0))
        smooth = np.pad(table + discount, 1, mode="edge")
        change += 0.2 * STEP_SIZE * np.diff(smooth, 2)
        table = table + change + discount - np.log1p(np.maximum(averages, 0))
        terms = terms_of(tolerances, violations)
        loss = objective.loss(terms, training=True)
        np.testing.assert_allclose(objective.moving_averages, averages, rtol=2e-4, atol=2e-5)
        np.testing.assert_allclose(objective.log_multipliers, table, rtol=2e-4)
        # The value of the averages, with the multipliers of before the step; at first those after.
        used = table if first else before
        weights = (tolerances / trained.middle) ** 1.5
        rows = terms["rate"].numpy() + np.exp(hats @ used) * (hats @ averages)
        assert float(loss) == pytest.approx(np.mean(weights * rows), rel=1e-3)


def test_a_table_of_one_knot_at_one_tolerance_is_todays_multiplier():
    """All that differs is the unit: squared pixels here, shares of κ² there."""
    tolerance = ReconstructionError(ENDS).range.middle
    of_range = attached(ReconstructionError(ENDS, "error", knots=1))
    single = attached(ReconstructionError(tolerance, "error"))
    rng = np.random.default_rng(1)
    for _ in range(30):
        violations = rng.uniform(-0.5, 1.0, 4)
        losses = [
            objective.loss(terms_of([tolerance] * 4, violations * unit), training=True)
            for objective, unit in ((of_range, 1.0), (single, tolerance**2))
        ]
        assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-4)
    assert of_range.multipliers["error"] == pytest.approx(single.multipliers["error"], rel=1e-4)


def test_the_gradient_is_each_rows_own_multiplier_and_weight():
    objective = attached(ReconstructionError(ENDS, "error", knots=3))
    objective.log_multipliers.assign(np.log([2.0, 8.0, 32.0]))
    trained = ReconstructionError(ENDS).range.trained
    tolerances = trained.at(np.float32([0.0, 0.25, 1.0]))
    terms = terms_of(tolerances, [0.1, 0.2, 0.3])
    with tf.GradientTape() as tape:
        tape.watch(terms)
        loss = objective.loss(terms, training=False)
    found = tape.gradient(loss, terms)
    weights = (tolerances / trained.middle) ** 1.5 / 3
    np.testing.assert_allclose(found["rate"], weights, rtol=1e-5)
    np.testing.assert_allclose(found["error"], weights * [2.0, 4.0, 32.0], rtol=1e-5)


def test_the_multiplier_at_a_tolerance_is_in_the_unit_of_a_single_one():
    objective = attached(ReconstructionError(ENDS, "error", knots=3))
    d = np.prod(contract.IMAGE_SHAPE)
    assert float(objective.multiplier_at(0.4)) == pytest.approx(d / (2 * 0.4**2), rel=1e-5)


def test_a_knot_that_cannot_be_met_is_told_within_the_range_alone():
    objective = attached(ReconstructionError(ENDS, "error", knots=5))
    start = objective.log_multipliers.numpy()
    for knot, expected in ((0, []), (1, ["error"])):  # The first lies in the margin of training.
        raised = np.eye(5)[knot]
        objective.log_multipliers.assign(start + raised)
        objective.moving_averages.assign(raised)
        assert objective.infeasible() == expected


# === What is refused ===


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"update": "algorithm-1"}, "update must be 'proportional-integral' for the range of .*"
         "0.3 to 0.6: algorithm-1.*Received: update='algorithm-1'"),
        ({"constraints": [ReconstructionError(ENDS), PatchCorrelation(0.5)]},
         "range of tolerances from 0.3 to 0.6 must be GECO's only constraint.*'patch_correlation'"),
    ],
)  # fmt: skip
def test_what_a_range_cannot_have_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        zoo.GECO(**{"constraints": ReconstructionError(ENDS)} | arguments)


@pytest.mark.parametrize("tolerance", [(0.6, 0.3), (0.3, 0.3), (0.0, 0.3), (0.3,), (0.3, np.inf)])
def test_a_range_that_is_none_is_refused(tolerance):
    with pytest.raises(
        ValueError, match=r"tolerance must be \(least, most\).*Received: tolerance="
    ):
        ReconstructionError(tolerance)


def test_a_constraint_without_ranges_refuses_one():
    with pytest.raises(ValueError, match=r"tolerance must be a finite number.*\(0.1, 0.2\)"):
        PatchCorrelation((0.1, 0.2))
