"""A running server reads its folder again, so no other server is started from it."""

import os
import pathlib
import sys

import pytest

from tests.training.serve.stand_in import fails, free_port_options
from training.command_line import cli
from training.serve import folder_lock, model_server
from zoo.errors import UserError

CONFIGURATION = pathlib.Path("serving", "models.config")
LOG = pathlib.Path("serving", "server.log")


@pytest.fixture
def while_it_runs(program, monkeypatch, ports):
    """Serves `faces`, calls a function while the server runs, then presses Ctrl-C."""

    def serve(function):
        def wait(server):
            function()
            raise KeyboardInterrupt

        monkeypatch.setattr(model_server.ModelServer, "wait", wait)
        assert cli.main(["serve", "faces", *ports]) == 0

    return serve


def test_a_second_server_needs_a_folder_of_its_own(while_it_runs, program, capsys):
    def serve_another():
        before = [path.read_bytes() for path in (CONFIGURATION, program, LOG)]
        code, message, _ = fails(capsys, "digits", *free_port_options())
        assert code == 1
        assert message == (
            "vae-zoo: A server started from serving is running, which reads its files again: give "
            "another --directory.\n"
        )
        assert [path.read_bytes() for path in (CONFIGURATION, program, LOG)] == before

    while_it_runs(serve_another)
    while_it_runs(lambda: None)  # Nothing is held once it has ended.


def test_write_only_changes_what_a_running_server_serves(while_it_runs, capsys):
    def roll_back():
        capsys.readouterr()
        assert "latest" in CONFIGURATION.read_text()
        assert cli.main(["serve", "faces/1", "--write-only"]) == 0
        assert "specific { versions: 1 }" in CONFIGURATION.read_text()
        output = capsys.readouterr().out
        assert "server that runs from serving takes models.config up within half a minute" in output

    while_it_runs(roll_back)
    assert cli.main(["serve", "faces", "--write-only"]) == 0
    assert "half a minute" not in capsys.readouterr().out, "it has ended"


def test_a_server_keeps_the_lock_of_a_command_that_was_killed(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with folder_lock.hold(tmp_path) as lock:
        server = model_server.ModelServer(command, tmp_path / "log", inherited=(lock,)).__enter__()
    try:
        assert folder_lock.is_held(tmp_path)
        with pytest.raises(UserError, match="is running"), folder_lock.hold(tmp_path):
            pass
    finally:
        server.__exit__()
    assert not folder_lock.is_held(tmp_path)


def test_asking_makes_no_file(tmp_path):
    assert not folder_lock.is_held(tmp_path)
    assert not folder_lock.is_held(tmp_path / "nothing")
    assert os.listdir(tmp_path) == []
