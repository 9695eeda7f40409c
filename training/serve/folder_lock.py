"""Tells whether a server runs from a folder, and where: it reads the folder's files again.

The lock's file holds what one must know to change what that server serves.
"""

import contextlib
import json
import os

from zoo.errors import UserError
from zoo.serving.file_lock import is_taken, open_lock, take

__all__ = ["hold", "is_held", "read"]

_FILE = "server.lock"


@contextlib.contextmanager
def hold(directory, **facts):
    """Holds a folder's lock, so that no other call writes there what this server would read.

    The lock belongs to the open file: a server that inherits it keeps it, should the command that
    started it be killed.

    Args:
        directory: The folder; made if need be.
        **facts: What `read` gives to others meanwhile; JSON must be able to hold it.

    Yields:
        The lock's file descriptor, for the server to inherit.

    Raises:
        UserError: A running server holds it, or the folder cannot be written.
    """
    try:
        os.makedirs(directory, exist_ok=True)
        lock = open_lock(os.path.join(directory, _FILE))
    except OSError as error:
        raise UserError(f"Could not write {directory}: {error.strerror or error}.") from error
    try:
        if not take(lock):
            raise UserError(
                f"A server started from {directory} is running, which reads its files again: give "
                "another --directory."
            )
        os.truncate(lock, 0)
        os.write(lock, json.dumps(facts).encode())
        yield lock
    finally:
        os.close(lock)


def read(directory):
    """Returns the facts that were given to `hold`, a dict; None if no server runs from there."""
    if not is_held(directory):
        return None
    try:
        with open(os.path.join(directory, _FILE), encoding="utf-8") as file:
            return dict(json.load(file))
    except (OSError, ValueError, TypeError):  # Of another version of this program.
        return {}


def is_held(directory):
    """Whether a server that `vae-zoo serve` started from the folder is running."""
    return is_taken(os.path.join(directory, _FILE))
