"""What the tests of `vae-zoo serve` share: models, no real server, no real measurement."""

import os
import signal

import pytest

from tests.training.serve.stand_in import STAND_IN, free_port_options, make_version
from training.serve import loading, model_server, server_folder

MEASURED = {1: 0.004, 2: 0.005, 4: 0.006, 8: 0.012}


@pytest.fixture
def program(surroundings, measured, tmp_path, monkeypatch):
    """The stand-in, alone on PATH; returns the path of its record of how it was started."""
    folder = tmp_path / "bin"
    folder.mkdir()
    file = folder / "tensorflow_model_server"
    file.write_text(STAND_IN)
    file.chmod(0o755)
    record = tmp_path / "record.json"
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("STAND_IN_RECORD", str(record))
    monkeypatch.setenv("http_proxy", "http://localhost:9")  # Must not be asked.
    return record


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """A folder with two models, whose graphs are damaged, and no server on the PATH."""
    monkeypatch.chdir(tmp_path)
    for version in ("1", "2"):
        make_version(tmp_path / "faces" / version)
    make_version(tmp_path / "digits" / "1", is_classifier=True)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.delenv("TENSORFLOW_MODEL_SERVER", raising=False)
    # Rather than ten minutes in which nothing moves, should a test fail.
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 120)


@pytest.fixture
def measured(monkeypatch):
    """A measurement that takes no time, and no graph."""
    monkeypatch.setattr(server_folder, "measure_batches", lambda path: MEASURED)


@pytest.fixture
def press(monkeypatch):
    """Sends a signal, by default Ctrl-C, as soon as all is printed and the server only runs."""

    wait = model_server.ModelServer.wait
    # A shell starts what runs in its background with Ctrl-C ignored, and so may these tests.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def make(number=signal.SIGINT, to=os.getpid):
        def wait_and_be_told(server):
            os.kill(to(), number)
            wait(server)

        monkeypatch.setattr(model_server.ModelServer, "wait", wait_and_be_told)

    make()
    yield make
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def ports():
    return free_port_options()
