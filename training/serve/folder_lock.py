"""Tells whether a server runs from a folder: it reads the folder's files again while it runs."""

import contextlib
import os

from training.runs.file_lock import open_lock, take
from zoo.errors import UserError

__all__ = ["hold", "is_held"]

_FILE = "server.lock"


@contextlib.contextmanager
def hold(directory):
    """Holds a folder's lock, so that no other call writes there what this server would read.

    The lock belongs to the open file: a server that inherits it keeps it, should the command that
    started it be killed.

    Args:
        directory: The folder; made if need be.

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
        yield lock
    finally:
        os.close(lock)


def is_held(directory):
    """Whether a server that `vae-zoo serve` started from the folder is running."""
    try:
        lock = open_lock(os.path.join(directory, _FILE), os.O_RDONLY)
    except OSError:  # No server has ever run here, or it is another user's.
        return False
    try:
        return not take(lock)
    finally:
        os.close(lock)
