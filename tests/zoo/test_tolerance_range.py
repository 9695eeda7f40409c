"""Ranges of tolerances: what may be asked for, and the scale of log κ that all else uses."""

import numpy as np
import pytest

from zoo.errors import SettingError
from zoo.tolerance_range import ToleranceRange, check_range

RANGE = ToleranceRange(0.05, 0.2)


def test_points_are_evenly_spaced_in_logs_and_the_third_of_five_is_the_middle():
    np.testing.assert_allclose(np.diff(np.log(RANGE.measured)), np.log(4) / 4)
    assert RANGE.middle == pytest.approx(0.1)
    assert RANGE.measured[2] == pytest.approx(0.1)
    assert RANGE.points(1) == pytest.approx([0.1])


def test_training_goes_beyond_both_ends():
    trained = RANGE.trained
    assert (trained.least, trained.most) == pytest.approx((0.05 / 1.15, 0.2 * 1.15))
    assert trained.middle == pytest.approx(RANGE.middle)


def test_hats_interpolate_in_the_logarithm():
    tolerances = np.float32([0.05, 0.0625, 0.1, 0.2, 0.01, 1.0])
    hats = RANGE.hats(tolerances, 5).numpy()
    np.testing.assert_allclose(hats.sum(axis=1), 1, rtol=1e-6)
    expected = np.clip(np.log(tolerances), *np.log(RANGE.measured[[0, -1]]))
    np.testing.assert_allclose(hats @ np.log(RANGE.measured), expected, rtol=1e-5)
    assert (np.count_nonzero(hats > 1e-5, axis=1) <= 2).all()
    np.testing.assert_array_equal(RANGE.hats(tolerances, 1), 1)


def test_shares_are_the_inverse_of_at():
    shares = np.float32([0.0, 0.3, 1.0])
    np.testing.assert_allclose(RANGE.at(shares), 0.05 * 4.0**shares, rtol=1e-6)
    np.testing.assert_allclose(RANGE.shares(RANGE.at(shares)), shares, atol=1e-6)


def test_ends_are_within_as_float32_and_nan_is_not():
    values = np.float32([0.05, 0.2, 0.0499, 0.2001, np.nan, 0.0])
    assert RANGE.contains(values).tolist() == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    "value",
    [(0.2, 0.05), (0.1, 0.1), (0, 0.1), (0.1,), (0.1, 0.2, 0.3), (0.1, np.nan), ("a", 1), 0.1, []],
)
def test_what_is_no_range_is_named(value):
    with pytest.raises(SettingError, match=r"^spread must be \(least, most\).*Received: spread="):
        check_range("spread", value)
