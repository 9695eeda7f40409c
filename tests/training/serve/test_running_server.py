"""`--write-only` changes what a running server serves in steps that a server takes."""

import pathlib
import shutil

import pytest

from tests.training.serve.stand_in import fails
from training.command_line import cli
from training.serve import folder_lock, loading, model_server
from zoo.serving.server_configuration import read_models_config

CONFIGURATION = pathlib.Path("serving", "models.config")
LOG = pathlib.Path("serving", "server.log")
pytestmark = pytest.mark.usefixtures("surroundings", "measured")
REFUSALS = ("Request to assign label", "Could not find base path")


@pytest.fixture
def while_it_runs(program, monkeypatch, ports):
    """Serves models, calls a function while the server runs, then presses Ctrl-C."""

    def serve(function, *arguments):
        def wait(server):
            function()
            raise KeyboardInterrupt

        monkeypatch.setattr(model_server.ModelServer, "wait", wait)
        assert cli.main(["serve", *arguments, *ports]) == 0

    return serve


@pytest.fixture
def served(ports):
    """Asks the running stand-in: versions that it has loaded, and whether it refused a file."""

    def ask(name):
        return loading.loaded_versions(name, ports[3])

    return ask


def _label(number):
    return ("serve", "faces", "--label", f"stable={number}", "--write-only")


def _refusals():
    return [line for line in LOG.read_text().splitlines() if any(r in line for r in REFUSALS)]


def test_a_label_moves_to_a_version_that_is_loaded_first(while_it_runs, capsys, served):
    def move():
        capsys.readouterr()
        assert cli.main(_label(1)) == 0
        output = capsys.readouterr().out
        assert "Step 1 of 2: the server loads the versions" in output
        assert "Step 2 of 2: wrote the labels" in output
        served("faces")  # The stand-in reads the file when it is asked.
        (model,) = read_models_config(CONFIGURATION.read_text())
        assert (model.versions, model.labels) == ((1,), {"stable": 1})
        assert served("faces") == {1}
        assert not _refusals()
        assert cli.main(_label(1)) == 0
        assert "Step" not in capsys.readouterr().out, "it is loaded"

    while_it_runs(move, "faces", "--label", "stable=2")


def test_a_file_that_moves_a_label_at_once_is_refused(while_it_runs, served):
    """Were it not by the stand-in, the test above could not fail."""

    def move():
        text = CONFIGURATION.read_text().replace("versions: 2", "versions: 1")
        CONFIGURATION.write_text(text.replace("value: 2", "value: 1"))
        assert served("faces") == {2}
        assert _refusals()

    while_it_runs(move, "faces", "--label", "stable=2")


def test_a_version_that_fails_to_load_leaves_the_labels(while_it_runs, capsys, monkeypatch):
    states = {2: ("AVAILABLE", ""), 1: ("END", "no such file")}

    def move():
        monkeypatch.setattr(loading, "states_of", lambda name, port: states)
        code, message, _ = fails(capsys, *_label(1)[1:])
        assert code == 1
        assert "could not load faces version 1: no such file. The last lines" in message
        (model,) = read_models_config(CONFIGURATION.read_text())
        assert model.labels == {"stable": 2}

    while_it_runs(move, "faces", "--label", "stable=2")


def test_what_ends_with_a_change_is_said(while_it_runs, capsys):
    def change():
        capsys.readouterr()
        assert cli.main(["serve", "faces/2", "--write-only"]) == 0
        ends = "It will no longer have the label stable of faces, the model digits."
        assert ends in capsys.readouterr().out

    while_it_runs(change, "faces", "digits", "--label", "faces:stable=2")


def test_a_folder_that_is_missing_is_named(while_it_runs, capsys, tmp_path):
    def change():
        shutil.rmtree(tmp_path / "digits")
        before = CONFIGURATION.read_text()
        code, message, _ = fails(capsys, "faces", "--write-only")
        assert code == 1
        assert f"waits for {tmp_path}/digits, which is missing" in message
        assert CONFIGURATION.read_text() == before
        (tmp_path / "digits").mkdir()
        assert cli.main(["serve", "faces", "--write-only"]) == 0

    while_it_runs(change, "faces", "digits")


def test_a_folder_that_goes_while_models_are_measured_is_named(capsys, tmp_path, monkeypatch):
    from training.serve import server_folder

    def measure(path):
        shutil.rmtree(tmp_path / "faces")
        return {1: 0.1}

    monkeypatch.setattr(server_folder, "measure_batches", measure)
    code, message, _ = fails(capsys, "faces", "--write-only")
    assert code == 1
    assert f"{tmp_path}/faces is not there any more. Nothing was written" in message
    assert not CONFIGURATION.exists()


def test_a_container_sees_no_other_folders(capsys, tmp_path):
    with folder_lock.hold("serving", rest_port=1, base_paths=[str(tmp_path / "faces")]):
        code, message, _ = fails(capsys, "faces", "digits", "--write-only")
        assert code == 1
        assert (
            f"in a container and sees the folders that it was started with alone. It would wait "
            f"for {tmp_path}/digits" in message
        )
        assert cli.main(["serve", "faces", "--write-only"]) == 0
