"""Errors for people: one plain paragraph that says what happened and what to do."""

__all__ = ["MARK", "SettingError", "UsageError", "UserError"]

MARK = "VAE Zoo:"  # Begins what a graph says, so that it is told from TensorFlow's own messages.


class UserError(Exception):
    """A foreseen failure; the command line prints the message alone and exits with `exit_code`."""

    exit_code = 1


class UsageError(UserError):
    """The command or its arguments cannot be carried out as given."""

    exit_code = 2


class SettingError(ValueError):
    """Says of a setting what was expected, what was received and, where that is known, what to do.

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
        received = f"{self.setting}={self.received!r}"
        end = f". {self.remedy}" if self.remedy else ""
        return f"{self.setting} must be {self.expected}. Received: {received}{end}"
