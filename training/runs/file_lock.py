"""Locks between processes, which end with the process that holds them.

By hand, for a child may inherit such a lock and hold it on, which those of `filelock` do not allow.
"""

import os

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked.
    fcntl = None

__all__ = ["open_lock", "take"]


def open_lock(path, flags=os.O_RDWR | os.O_CREAT):
    """Opens a lock's file; returns the descriptor, which holds the lock once taken until closed."""
    return os.open(path, flags, 0o666)


def take(lock):
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
