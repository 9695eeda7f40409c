"""Paths that TensorFlow can open.

TensorFlow reads a checkpoint's path as a pattern, in which `[1]` is a set of characters, and any
path as UTF-8. A path may hold both all the same: TensorFlow is then given a link to it.
"""

import contextlib
import os
import tempfile

__all__ = ["is_plain", "plain_path"]

_OF_PATTERNS = frozenset("*?[]\\") - {os.sep}


def is_plain(path):
    """Whether TensorFlow, and so TensorFlow Serving, can open a path of any kind as it is."""
    path = os.fsdecode(path)
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return _OF_PATTERNS.isdisjoint(path)


@contextlib.contextmanager
def plain_path(folder):
    """Yields a path, a string, by which TensorFlow can open a folder that exists.

    It is the folder's own, or a link that is there as long as the context.

    Raises:
        OSError: A link is needed, and the system has none (Windows, without the right to).
    """
    folder = os.path.abspath(os.fsdecode(folder))
    if is_plain(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="vae-zoo-") as parent:
        link = os.path.join(parent, "link")
        os.symlink(folder, link, target_is_directory=True)
        yield link
