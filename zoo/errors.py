"""Errors for people: one plain paragraph that says what happened and what to do."""

import difflib

__all__ = ["UsageError", "UserError", "near_names"]


class UserError(Exception):
    """A foreseen failure; the command line prints the message alone and exits with `exit_code`."""

    exit_code = 1


class UsageError(UserError):
    """The command or its arguments cannot be carried out as given."""

    exit_code = 2


def near_names(name, known):
    """Returns " Did you mean ...?" with the known names near to `name`, or an empty string."""
    near = difflib.get_close_matches(name, known, n=3)
    return f" Did you mean {' or '.join(near)}?" if near else ""
