"""What outlives a power cut."""

import os

__all__ = ["flush_to_disk"]


def flush_to_disk(path):
    """Returns when a file, or a folder's entries, are on the disk.

    Windows flushes only files that are open for writing, and opens no folders.
    """
    is_windows = os.name == "nt"
    if is_windows and os.path.isdir(path):
        return
    file = os.open(path, os.O_RDWR if is_windows else os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
