"""Errors for people: one plain paragraph that says what happened and what to do."""

__all__ = ["UsageError", "UserError"]


class UserError(Exception):
    """A foreseen failure; the command line prints the message alone and exits with `exit_code`."""

    exit_code = 1


class UsageError(UserError):
    """The command or its arguments cannot be carried out as given."""

    exit_code = 2
