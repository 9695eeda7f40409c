"""Locks between processes, which end with the process that holds them.

By hand, for a child may inherit such a lock and hold it on, which those of `filelock` do not allow.
"""

import os

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked.
    fcntl = None

__all__ = ["HAS_LOCKS", "is_taken", "open_lock", "take"]

HAS_LOCKS = fcntl is not None


def open_lock(path, flags=os.O_RDWR | os.O_CREAT):
    """Opens a lock's file; returns the descriptor, which holds the lock once taken until closed."""
    return os.open(path, flags, 0o666)


def take(lock):
    """Whether the lock was free; it is taken until the file is closed."""
    if not HAS_LOCKS:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # Not every file system has locks.
        return True
    return True


def is_taken(path):
    """Whether someone holds the lock of a file or folder; no one does where there is none."""
    try:
        lock = open_lock(path, os.O_RDONLY)
    except OSError:  # Never made, just removed, or another user's.
        return False
    try:
        return not take(lock)
    finally:
        os.close(lock)
