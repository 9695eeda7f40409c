"""Rates brought to one error: exact on a line, of second order on a curve."""

import math
import types

import pytest

from training.evaluation.rates import point_at, rate_at


def test_along_the_slope_a_rate_is_brought_to_another_error():
    """R = 50 - 3000 rmse²."""
    assert rate_at(0.12, of=(0.1, 20.0, 3000.0)) == pytest.approx(50 - 3000 * 0.12**2)
    assert rate_at(0.1, of=(0.1, 20.0, 3000.0)) == 20.0


def test_what_is_left_out_is_of_second_order():
    """R = -(D/2) log rmse², whose slope is λ = D / (2 rmse²): that of a normal source."""
    rmse, dimensions = 0.1, 784
    of = (rmse, -dimensions * math.log(rmse), dimensions / (2 * rmse**2))
    errors = [
        rate_at(rmse * (1 + step), of) + dimensions * math.log(rmse * (1 + step))
        for step in (0.02, 0.01)
    ]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.05)


def test_a_point_stands_beside_a_single_models():
    found = {"rmse": 0.099, "rate": 35.0, "loss": 1.0}
    asked = []
    model = types.SimpleNamespace(
        evaluate=lambda batches, tolerance, **_: asked.append((batches, tolerance)) or found
    )
    assert point_at(0.1, model, "batches") == {"tolerance": 0.1, "rmse": 0.099, "rate": 35.0}
    single = {"test": {"rmse": 0.1, "rate": 33.0}, "multipliers": {"reconstruction_error": 2700.0}}
    point = point_at(0.1, model, "batches", single)
    # The larger error costs fewer nats: 35 - 2700 (0.1² - 0.099²) = 34.4627.
    assert point["ratio_at_one_error"] == pytest.approx(34.4627 / 33.0)
    assert (point["single_rmse"], point["single_rate"]) == (0.1, 33.0)
    assert asked == [("batches", 0.1)] * 2
