"""Tells whether a server runs from a folder: it reads the folder's files again while it runs."""

import contextlib
import os

from training.errors import UserError

try:
    import fcntl
except ImportError:  # Windows, for which there is no TensorFlow Serving.
    fcntl = None

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
        lock = os.open(os.path.join(directory, _FILE), os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise UserError(f"Could not write {directory}: {error.strerror or error}.") from error
    try:
        if not _take(lock):
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
        lock = os.open(os.path.join(directory, _FILE), os.O_RDONLY)
    except OSError:  # No server has ever run here, or it is another user's.
        return False
    try:
        return not _take(lock)
    finally:
        os.close(lock)


def _take(lock):
    """Whether the lock was free; it is taken until the file is closed."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # Not every file system has locks.
        return True
    return True
