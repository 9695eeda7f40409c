"""Where the system has no users by number, no SIGHUP, drives, and flushes what it may write."""

import errno
import fcntl
import os
import signal
import types

import pytest

from training.serve import model_server
from zoo.serving.flush import flush_to_disk
from zoo.serving.server_configuration import server_path
from zoo.serving.server_containers import _as_this_user, _mounts


def test_a_container_is_started_without_a_user_where_there_are_no_numbers(monkeypatch):
    assert _as_this_user() == [f"--user={os.getuid()}:{os.getgid()}"]
    monkeypatch.delattr(os, "getuid")
    assert _as_this_user() == []


def test_a_drive_is_a_folder_in_the_container():
    assert server_path("C:\\models\\my faces") == "/c/models/my faces"
    for path in ("/models/faces", "//models/c:/faces", "/a\\b"):
        assert server_path(path) == path
    mounts = _mounts([types.SimpleNamespace(base_path="C:\\models\\faces")], "C:\\serving")
    assert mounts == [("C:\\serving", "/serving"), ("C:\\models\\faces", "/c/models/faces")]


def test_without_a_hangup_signal_the_others_interrupt(monkeypatch):
    monkeypatch.delattr(signal, "SIGHUP")
    before = signal.getsignal(signal.SIGTERM)
    with model_server.stops_as_interrupts():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture
def windows(monkeypatch):
    """Opens and flushes as Windows does."""
    os_open, os_fsync = os.open, os.fsync

    def open_file(path, *arguments, **options):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return os_open(path, *arguments, **options)

    def fsync(file):
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        os_fsync(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", open_file)
        patch.setattr(os, "fsync", fsync)
        patch.setattr(os, "name", "nt")
        yield


def test_what_is_to_outlive_a_power_cut_is_flushed_as_windows_can(tmp_path, windows):
    file = os.path.join(tmp_path, "weights")
    with open(file, "wb") as opened:
        opened.write(b"1")
    flush_to_disk(file)
    flush_to_disk(str(tmp_path))
