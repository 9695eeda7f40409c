import pytest

from zoo.errors import MismatchError, SettingError


def _error():
    return MismatchError(
        "image_size",
        "$image_size to fit",
        "$fit",
        "give $image_size=64, $fit=crop or $dequantize=True",
    )


def test_a_setting_error_names_settings_as_python_does():
    assert str(_error()) == (
        "Expected image_size to fit, received $fit; give image_size=64, "
        'fit="crop" or dequantize=True.'
    )
    assert isinstance(_error(), ValueError)
    assert (_error().setting, _error().received) == ("image_size", "$fit")


def test_a_setting_error_is_shown_in_other_terms():
    shown = _error().text(lambda name, value: f"<{name}|{value}>")
    assert shown == (
        'Expected <image_size|None> to fit, received $fit; give <image_size|64>, <fit|"crop"> or '
        "<dequantize|True>."
    )


def test_an_error_of_a_value_says_it_in_other_terms_too():
    error = SettingError("num_steps", "an int of at least 1", "x", "Leave $num_steps out.")
    assert str(error) == (
        "num_steps must be an int of at least 1. Received: num_steps='x'. Leave num_steps out."
    )
    shown = error.text(lambda name, value: f"<{name}|{value}>")
    assert shown.startswith("<num_steps|None> must be an int of at least 1. Received: <num_steps|")


@pytest.mark.parametrize("text", ["$", "100 $ {a}", "a $1"])
def test_dollars_that_name_no_setting_stay(text):
    assert text in str(MismatchError("steps", text, 1, "stop"))
