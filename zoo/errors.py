"""Errors for people: one plain paragraph that says what happened and what to do."""

import re

__all__ = [
    "MARK",
    "BackendError",
    "BatchError",
    "MismatchError",
    "SettingError",
    "UsageError",
    "UserError",
    "as_argument",
]

MARK = "VAE Zoo:"  # Begins what a graph says, so that it is told from TensorFlow's own messages.
_SETTING = re.compile(r"\$([a-z_]+)(?:=([\w:.]*\w))?")
_CONSTANTS = ("True", "False")


class UserError(Exception):
    """A foreseen failure; the command line prints the message alone and exits with `exit_code`."""

    exit_code = 1
    # Keras would add the arguments of the call, with all their values, in many lines.
    _keras_call_info_injected = True


class UsageError(UserError, ValueError):
    """What was asked for cannot be done as asked; in Python a ValueError."""

    exit_code = 2


class BackendError(UserError, ImportError):
    """Keras runs on another backend than TensorFlow's."""


class SettingError(UsageError):
    """Says of a setting what was expected, what was received and, where that is known, what to do.

    In `expected` and `remedy` a setting may be written as `$name` or `$name=value`, so that whoever
    shows the error names settings in their own terms: see `text`.

    Attributes:
        setting: Name of the argument.
        expected: What it must be, as in "an int of at least 1".
        received: The value that it has.
        remedy: What to do, in whole sentences, or "".
    """

    def __init__(self, setting, expected, received, remedy=""):
        super().__init__(setting, expected, received, remedy)
        self.setting = setting
        self.expected = expected
        self.received = received
        self.remedy = remedy

    def __str__(self):
        return self.text(as_argument)

    def text(self, show):
        """Returns the message, with settings as `show(name, value)` writes them.

        The value is a text in Python's notation, or None for the name alone.
        """
        received = show(self.setting, repr(self.received))
        end = f". {_fill(self.remedy, show)}" if self.remedy else ""
        expected = _fill(self.expected, show)
        return f"{show(self.setting, None)} must be {expected}. Received: {received}{end}"


class MismatchError(SettingError):
    """Says the same of a setting that does not fit the data or other settings.

    Attributes:
        setting: Name of the argument that is to be changed.
        expected: What was expected, after the word "Expected".
        received: What there was, in words.
        remedy: What to do, a clause.
    """

    def text(self, show):
        """Returns the message, as `SettingError.text` does."""
        remedy = _fill(self.remedy, show)
        end = "" if remedy.endswith(("?", ")", ".")) else "."
        return f"Expected {_fill(self.expected, show)}, received {self.received}; {remedy}{end}"


class BatchError(ValueError):
    """A batch, or the loss or a state that came of it, cannot be trained or computed on."""

    _keras_call_info_injected = True  # As in `UserError`.


def as_argument(name, value):
    """Writes a setting as an argument in Python: image_size=64, fit="crop"."""
    return name if value is None else f"{name}={value}"


def _fill(text, show):
    """Writes each `$name` and `$name=value` in the text as `show` does."""

    def shown(match):
        name, value = match.groups()
        is_text = value and not value.replace(".", "", 1).isdigit() and value not in _CONSTANTS
        return show(name, f'"{value}"' if is_text else value)

    return _SETTING.sub(shown, text)
