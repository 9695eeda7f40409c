"""The reconstruction error against float64 NumPy."""

import keras
import numpy as np
import pytest

from tests import contract
from zoo.constraints import ReconstructionError


def test_values_are_mean_squared_errors_less_the_squared_tolerance(images):
    record = contract.make_model(contract.SMALLEST).infer(images, seed=0)
    error = np.float64(images) - np.float64(record.reconstruction)
    expected = (error**2).mean(axis=(1, 2, 3)) - 0.3**2
    values = ReconstructionError(0.3).values(record)
    assert values.shape == (8,)
    np.testing.assert_allclose(values, expected, rtol=1e-5)


@pytest.mark.parametrize("tolerance", [0.05, 0.2])
def test_signal_is_the_logarithm_of_error_over_tolerance_whatever_the_tolerance(tolerance):
    constraint = ReconstructionError(tolerance)
    for ratio in (0.01, 0.5, 1.0, 3.0, 100.0):
        violation = np.float32((ratio - 1) * tolerance**2)
        assert float(constraint.signal(violation)) == pytest.approx(np.log(ratio), abs=1e-4)
    assert np.isfinite(constraint.signal(np.float32(-(tolerance**2))))


def test_initial_multiplier_is_that_of_a_gaussian_of_the_tolerances_scale():
    assert ReconstructionError(0.1).initial_multiplier((4, 5, 2)) == pytest.approx(40 / 0.02)


@pytest.mark.parametrize(
    "tolerance", [0, -0.1, 1.5, 25, np.nan, np.inf, "0.1", None, (0.1, 25), (0.0, 0.1)]
)
def test_a_tolerance_is_one_of_pixels_in_0_1(tolerance):
    with pytest.raises(ValueError, match=r"for pixels in \[0, 1\].* Received: tolerance="):
        ReconstructionError(tolerance)


def test_the_largest_tolerance_is_the_range_of_a_pixel():
    assert ReconstructionError(1).tolerance == 1.0


def test_name_prefixes_the_logs():
    assert ReconstructionError(0.1).name == "reconstruction_error"
    assert ReconstructionError(0.1, name="error").name == "error"


def test_config_round_trip():
    constraint = ReconstructionError(0.25, name="error")
    config = keras.saving.serialize_keras_object(constraint)
    copy = keras.saving.deserialize_keras_object(config)
    assert (type(copy), copy.name, copy.tolerance) == (ReconstructionError, "error", 0.25)
