"""Unknown names, and the known ones that look like them."""

import difflib

from zoo.errors import UsageError

__all__ = ["UnknownName", "did_you_mean", "near_names"]


class UnknownName(UsageError):
    """There is nothing of that kind by that name.

    Attributes:
        kind: What was looked for, such as "objective" or "argument of ConvVAE".
        name: The name that was given.
        known: The names that there are, a list.
        near: Those of them that look like it, the nearest first.
    """

    def __init__(self, kind, name, known):
        self.kind, self.name, self.known = kind, name, list(known)
        self.near = near_names(name, self.known)
        super().__init__(
            f"There is no {kind} {name!r}.{did_you_mean(name, self.known)} "
            f"Choose from {', '.join(self.known) or 'none'}."
        )


def near_names(name, known):
    """Returns up to three of the known names that look like `name`, the nearest first."""
    return difflib.get_close_matches(str(name), list(known), n=3)


def did_you_mean(name, known):
    """Returns " Did you mean ...?" with the near names, or an empty string."""
    near = near_names(name, known)
    return f" Did you mean {' or '.join(near)}?" if near else ""
