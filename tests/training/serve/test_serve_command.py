"""`vae-zoo serve` against a stand-in for tensorflow_model_server, which is no real server."""

import json
import os
import shlex
import signal

import pytest

from tests.training.serve.stand_in import fails, has_ended, make_version
from training.command_line import cli
from training.serve import server_folder
from zoo.serving import manifest
from zoo.serving.server_configuration import Batching, batching_config

pytestmark = pytest.mark.usefixtures("surroundings", "measured")


def _calls(text, name):
    """The two commands printed for a model, as lists of words."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{name}, version"))
    return [shlex.split(line) for line in lines[start + 1 : start + 3]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_until_it_is_told_to_stop(program, capfd, ports, press, number):
    press(number)
    before = signal.getsignal(signal.SIGTERM)
    assert cli.main(["serve", "faces", "digits", "--label", "faces:stable=1", *ports]) == 0
    assert has_ended(program)
    assert signal.getsignal(signal.SIGTERM) is before
    output = capfd.readouterr().out
    assert output.rstrip().endswith("Stopped the server.")
    assert "faces, version 1, is AVAILABLE" in output
    _, grpc_port, _, rest_port = ports

    curl, python = _calls(output, "faces")
    assert curl[:2] == ["curl", "-d"]
    assert json.loads(curl[2]) == {
        "signature_name": "sample",
        "inputs": {"seed": [[0, 0]], "temperature": [1.0]},
    }
    assert curl[3] == f"http://localhost:{rest_port}/v1/models/faces:predict"
    client = f'zoo.serving.Client("localhost:{grpc_port}", "faces")'
    assert python[:2] == ["python", "-c"]
    assert python[2].startswith("import pathlib, zoo; ")
    assert f"{client}.sample_encoded(1, seed=0)[0]" in python[2]

    curl, python = _calls(output, "digits")
    assert curl[2] == "@serving/request_digits.json"
    with open("serving/request_digits.json", encoding="utf-8") as file:
        body = json.load(file)
    assert body["signature_name"] == "classify"
    assert len(body["inputs"]["image"][0]) == 8
    client = f'zoo.serving.Client("localhost:{grpc_port}", "digits")'
    assert python[2] == f"import numpy, zoo; print({client}.classify(numpy.zeros((1, 8, 8, 1))))"


def test_the_server_is_told_where_everything_is(program, ports, press, tmp_path):
    assert cli.main(["serve", "faces", "--directory", "here/there", *ports]) == 0
    folder = tmp_path / "here" / "there"
    arguments = json.loads(program.read_text())["arguments"]
    flags = dict(argument[2:].split("=", 1) for argument in arguments)
    assert [flags["port"], flags["rest_api_port"]] == ports[1::2]
    for flag, name in (
        ("model_config_file", "models.config"),
        ("batching_parameters_file", "batching.config"),
        ("monitoring_config_file", "monitoring.config"),
    ):
        assert flags[flag] == str(folder / name)
        assert (folder / name).is_file()
    assert "stand-in: started" in (folder / "server.log").read_text()
    assert "max_batch_size { value: 4 }" in (folder / "batching.config").read_text()
    assert "    4         6.0            667" in (folder / "batching.config").read_text()


def test_a_named_program_goes_before_the_path(program, ports, press, tmp_path, monkeypatch):
    named = (tmp_path / "bin" / "tensorflow_model_server").rename(tmp_path / "mine")
    monkeypatch.setenv("TENSORFLOW_MODEL_SERVER", str(named))
    assert cli.main(["serve", "faces", *ports]) == 0
    assert program.exists()


def test_a_conditional_model_is_called_with_a_context(program, ports, press, capfd, tmp_path):
    make_version(tmp_path / "sum" / "1", context_shape=(8, 8, 3), has_files=False)
    assert cli.main(["serve", "sum", *ports]) == 0
    curl, python = _calls(capfd.readouterr().out, "sum")
    with open(curl[2][1:], encoding="utf-8") as file:
        assert set(json.load(file)["inputs"]) == {"seed", "temperature", "context"}
    client = f'zoo.serving.Client("localhost:{ports[1]}", "sum")'
    sample = f"{client}.sample(1, seed=0, context=numpy.zeros((1, 8, 8, 3)))"
    assert python[2] == f"import numpy, zoo; print({sample})", "of 2 channels there are no PNGs"


# === Only the files ===


def test_write_only_starts_nothing(program, capsys):
    assert cli.main(["serve", "faces", "--write-only"]) == 0
    assert "tensorflow_model_server" in capsys.readouterr().out
    assert not program.exists()
    assert sorted(os.listdir("serving")) == [
        "batching.config",
        "models.config",
        "monitoring.config",
    ]


def test_the_largest_batch_can_be_given(capsys):
    assert cli.main(["serve", "faces", "--write-only", "--max-batch-size", "16"]) == 0
    with open("serving/batching.config", encoding="utf-8") as file:
        assert "max_batch_size { value: 16 }" in file.read()
    code, message, _ = fails(capsys, "faces", "--write-only", "--max-batch-size", "12")
    assert code == 2
    assert "--max-batch-size must be a power of two" in message
    code, message, _ = fails(capsys, "faces", "--gpu", "--max-batch-size", "8192")
    assert code == 2
    assert "--max-batch-size must be a power of two from 2 to 4096" in message


def test_a_folder_that_cannot_be_written_is_told(capsys, tmp_path):
    (tmp_path / "serving").write_text("a file")
    code, message, _ = fails(capsys, "faces", "--write-only")
    assert code == 2
    assert "--directory must be a folder that can be written into. Received: --dir" in message
    (tmp_path / "serving").unlink()
    (tmp_path / "serving" / "models.config").mkdir(parents=True)
    code, message, _ = fails(capsys, "faces", "--write-only")
    assert code == 1
    assert "Could not write serving" in message


# === The log, and what the server is told ===


def test_the_servers_log_has_its_loads_however_quiet_this_process_is(
    program, ports, press, monkeypatch
):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    assert cli.main(["serve", "faces", *ports]) == 0
    with open("serving/server.log", encoding="utf-8") as file:
        assert "Successfully loaded servable version ('faces', 2)" in file.read()


def test_rest_has_the_time_that_it_is_given(program, ports, press, capsys):
    assert cli.main(["serve", "faces", "--rest-timeout", "120.5", *ports]) == 0
    assert "--rest_api_timeout_in_ms=120500" in json.loads(program.read_text())["arguments"]
    code, message, _ = fails(capsys, "faces", "--rest-timeout", "0")
    assert code == 2
    assert "--rest-timeout must be a finite number of at least 0.001" in message


def test_no_batch_is_too_small_for_the_warm_up(capsys, tmp_path, monkeypatch):
    code, message, _ = fails(capsys, "faces", "--write-only", "--max-batch-size", "1")
    assert code == 2
    assert "--max-batch-size must be an int of at least 2" in message
    monkeypatch.setattr(server_folder, "measure_batches", lambda path: {1: 2.0})  # Seconds.
    assert cli.main(["serve", "faces", "--write-only"]) == 0
    with open("serving/batching.config", encoding="utf-8") as file:
        assert "max_batch_size { value: 2 }" in file.read()
    make_version(tmp_path / "many" / "1", num_rows=3)
    assert cli.main(["serve", "many", "--write-only"]) == 0
    with open("serving/batching.config", encoding="utf-8") as file:
        assert "max_batch_size { value: 4 }" in file.read()


def test_models_may_have_batching_of_their_own(program, ports, press, capsys, tmp_path):
    def write(version, size):
        text = batching_config(Batching(size))
        (tmp_path / version / "batching_params.pbtxt").write_text(text)
        manifest.write(tmp_path / version)

    write("faces/2", 32)
    code, message, _ = fails(capsys, "faces", "digits", *ports)
    assert code == 2
    assert f"{tmp_path}/digits/1 has no such file: a server would not batch it at all" in message
    write("digits/1", 8)
    assert cli.main(["serve", "faces", "digits", *ports]) == 0
    arguments = json.loads(program.read_text())["arguments"]
    assert "--enable_per_model_batching_parameters=true" in arguments
    assert "--grpc_max_threads=64" in arguments, "twice the largest"
    code, message, _ = fails(capsys, "faces", "--max-batch-size", "8", "--write-only")
    assert code == 2
    assert "--max-batch-size must be left out where models have their own" in message
