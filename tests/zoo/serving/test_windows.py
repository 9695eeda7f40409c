"""What `vae-zoo serve` does where the system has no users by number, no SIGHUP, and drives."""

import os
import signal
import types

from training.serve import model_server
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
