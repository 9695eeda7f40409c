"""Folders that appear complete under their name or not at all, and what killed ones leave behind.

While it is written, a folder has a hidden name beside its final one that holds the host and the
process, `.1.unfinished-<host>-<process id>-<random>`. It is not a number, so a server that watches
the parent folder ignores it. Nothing clears up after a power cut or a signal that ends the process
(SIGKILL; SIGTERM where nobody handles it): the next to write beside such a folder removes it. By
hand, for `tempfile` knows neither the place, which must be of the same file system, nor leftovers.
"""

import contextlib
import os
import re
import shutil
import socket
import uuid

from zoo.serving.file_lock import HAS_LOCKS, is_taken, take
from zoo.serving.flush import flush_to_disk

__all__ = ["as_local_path", "as_new_path", "move_complete", "remove_leftovers", "unfinished_folder"]

_HOST = re.sub(r"[^\w.-]", "_", socket.gethostname()) or "unknown"
_NAME = re.compile(r"\..+\.unfinished-(?P<host>[\w.-]+)-(?P<process>\d+)-[0-9a-f]{8}")
_in_use = set()  # Paths that this process is writing: others with its number are of a dead one.


def as_local_path(path, writer, advice):
    """Returns an absolute path, a string.

    Args:
        path: A path of any kind.
        writer: What would write there, for the message.
        advice: What to do instead, for the message.

    Raises:
        ValueError: It is a URL, where nothing can be renamed into place.
    """
    path = os.fsdecode(path)
    if "://" in path:
        raise ValueError(f"{writer} writes to local folders. Received: {path}. {advice}")
    return os.path.abspath(path)


def as_new_path(path):
    """Returns an absolute path that an export may be written to, a string.

    Raises:
        FileExistsError: There is something at the path.
        ValueError: As `as_local_path`.
    """
    path = as_local_path(
        path,
        "export",
        "Export locally, then copy the folder; into a served base path under another name first, "
        "then rename.",
    )
    if os.path.lexists(path):
        raise FileExistsError(
            f"{path} exists already. export never overwrites: remove it first, or export to "
            "another name, such as the next version number (zoo.serving.publish finds it)."
        )
    return path


@contextlib.contextmanager
def unfinished_folder(parent, name):
    """Makes a folder in which to write what shall become `parent/name`, and removes it at the end.

    The caller renames the folder or what it wrote there, by `move_complete`. Leftovers of processes
    that were killed are removed first. After an error the parents that had to be made are removed,
    too.

    Args:
        parent: The folder to make it in; made if need be.
        name: What the hidden name begins with.

    Yields:
        The path of the folder, which exists and is empty.
    """
    parent = os.path.abspath(parent)
    new_parents = _missing_folders(parent)
    path = os.path.join(parent, f".{name}.unfinished-{_HOST}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        os.makedirs(parent, exist_ok=True)
        remove_leftovers(parent)
        _in_use.add(path)
        os.mkdir(path)
        with _locked(path):
            yield path
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        for folder in new_parents:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        raise
    finally:
        shutil.rmtree(path, ignore_errors=True)
        _in_use.discard(path)


def remove_leftovers(parent):
    """Removes the unfinished folders of processes of this host that are dead.

    Those of other hosts stay, for nothing is known of their processes, and all on Windows, where
    nothing tells who is alive.
    """
    if not HAS_LOCKS:
        return
    for entry in os.scandir(parent):
        match = _NAME.fullmatch(entry.name)
        if match and match["host"] == _HOST and not _is_being_written(entry.path, match):
            shutil.rmtree(entry.path, ignore_errors=True)


def move_complete(folder, path):
    """Renames a folder to a path where nothing is, after all that it holds is on the disk.

    So a power cut, too, leaves it whole or not there.

    Raises:
        OSError: There is something at `path`.
    """
    for inner, _, files in os.walk(folder, topdown=False):
        for name in (*files, ""):
            flush_to_disk(os.path.join(inner, name))
    if os.path.lexists(path):  # An empty folder would be replaced.
        raise FileExistsError(f"{path} exists already.")
    os.rename(folder, path)
    flush_to_disk(os.path.dirname(path))


def _is_being_written(path, match):
    process = int(match["process"])
    is_alive = path in _in_use if process == os.getpid() else _is_alive(process)
    return is_alive or is_taken(path)


def _is_alive(process):
    try:
        os.kill(process, 0)  # Sends nothing.
    except ProcessLookupError:
        return False
    except OSError:  # Another user's.
        return True
    return True


@contextlib.contextmanager
def _locked(path):
    """Holds a lock on a folder, which ends with the process.

    Containers may share a host's name and a volume without seeing each other's processes.
    """
    if not HAS_LOCKS:
        yield
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        take(folder)
        yield
    finally:
        os.close(folder)


def _missing_folders(path):
    """Returns those of a path and its parents that do not exist, innermost first."""
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing
