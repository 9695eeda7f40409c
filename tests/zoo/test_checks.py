"""Checks of arguments: what passes, and the one style of sentence that says what does not."""

import math
import pickle

import numpy as np
import pytest

from zoo import checks
from zoo.errors import SettingError


def refuse(check, *arguments, **bounds):
    with pytest.raises(SettingError) as caught:
        check(*arguments, **bounds)
    return str(caught.value)


def test_an_error_says_what_was_expected_what_was_received_and_what_to_do():
    error = SettingError("stride", "an int of at least 1", 0, "Leave it out.")
    message = "stride must be an int of at least 1. Received: stride=0"
    assert str(error) == f"{message}. Leave it out."
    assert str(SettingError("stride", "an int of at least 1", 0)) == message
    fields = ("setting", "expected", "received", "remedy")
    copy = pickle.loads(pickle.dumps(error))
    for given in (error, copy):
        assert isinstance(given, ValueError)
        assert [getattr(given, f) for f in fields] == ["stride", error.expected, 0, "Leave it out."]


def test_reason_and_remedy_come_where_they_belong():
    message = refuse(checks.integer, "dim", 1, least=2, why="one half moves", remedy="Add one.")
    assert message == "dim must be an int of at least 2: one half moves. Received: dim=1. Add one."


def test_integers():
    assert checks.integer("n", 1) == 1
    assert checks.integer("n", 0, least=0, most=0) == 0
    for value in (0, 1.0, True, "1", None, np.float32(1)):
        message = f"n must be an int of at least 1. Received: n={value!r}"
        assert refuse(checks.integer, "n", value) == message
    assert "an int from 0 to 3" in refuse(checks.integer, "n", 4, least=0, most=3)


def test_several_integers():
    assert checks.integers("sizes", [2, 3]) == (2, 3)
    assert checks.integers("sizes", (2, 3), length=2) == (2, 3)
    for values in ((), 2, "23", None, (2, 0), (2, True), (2, 3.0)):
        message = f"sizes must be one or more ints of at least 1. Received: sizes={values!r}"
        assert refuse(checks.integers, "sizes", values) == message
    assert "must be 3 ints of at least 1" in refuse(checks.integers, "sizes", (2, 3), length=3)


def test_image_shapes():
    assert checks.image_shape("shape", [4, 8, 1]) == (4, 8, 1)
    for value in ((4, 8), (4, 8, 0), (4, 8, None), (4.0, 8, 1), 4, None, (4, 8, True)):
        message = "shape must be (height, width, channels), each a positive int. Received: shape="
        assert refuse(checks.image_shape, "shape", value) == f"{message}{value!r}"


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "expected"),
    [
        ({}, (-1e9, 0, np.float32(1)), (), "a finite number"),
        ({"least": 0}, (0, 7.5), (-1e-9,), "a finite number of at least 0"),
        ({"above": 0}, (1e-9,), (0,), "a finite number above 0"),
        ({"most": 1}, (-5, 1), (1.01,), "a finite number of at most 1"),
        ({"below": 1}, (-5, 0.99), (1,), "a finite number below 1"),
        ({"least": 0, "below": 1}, (0, 0.99), (-1, 1), "a finite number of at least 0 and below 1"),
        ({"above": -1, "most": 0.5}, (0.5,), (-1,), "a finite number above -1 and at most 0.5"),
    ],
)
def test_numbers(bounds, inside, outside, expected):
    for value in inside:
        number = checks.number("x", value, **bounds)
        assert number == value
        assert type(number) is float
    for value in (*outside, math.nan, math.inf, -math.inf, "1", None, True, 1j, np.ones(2)):
        message = f"x must be {expected}. Received: x={value!r}"
        assert refuse(checks.number, "x", value, **bounds) == message


def test_choices():
    assert checks.choice("fit", "crop", ("crop", "stretch")) == "crop"
    assert checks.choice("channels", None, (1, 3, None)) is None
    for value in ("cut", None, 1, ["crop"], np.array(["crop", "stretch"])):
        message = f"fit must be one of 'crop', 'stretch'. Received: fit={value!r}"
        assert refuse(checks.choice, "fit", value, ("crop", "stretch")) == message
    assert "channels=True" in refuse(checks.choice, "channels", True, (1, 3))
