"""What `vae-zoo serve` says when there is no server, or one that fails."""

import json
import os
import shlex
import signal
import socket
import time

import pytest

from tests.training.serve.stand_in import fails, has_ended
from training.serve import model_server

pytestmark = pytest.mark.usefixtures("surroundings", "measured")


def test_a_server_that_ends_at_once_is_told_with_its_log(program, ports, capsys, monkeypatch):
    monkeypatch.setenv("STAND_IN_KIND", "dies")
    code, message, _ = fails(capsys, "faces", *ports)
    assert code == 1
    assert "ended with code 3. The last lines of its log, serving/server.log:" in message
    assert message.endswith("  E stand-in: Failed to start server. Error: bad model\n")


def test_a_server_that_ends_later_is_told(program, ports, capsys, press):
    press(signal.SIGKILL, lambda: json.loads(program.read_text())["pid"])
    code, message, output = fails(capsys, "faces", *ports)
    assert code == 1
    assert "ended with code -9" in message
    assert "faces, version 2, is AVAILABLE" in output


def test_a_version_that_cannot_be_loaded_is_told(program, ports, capsys, monkeypatch):
    monkeypatch.setenv("STAND_IN_KIND", "end")
    code, message, _ = fails(capsys, "faces", *ports)
    assert code == 1
    assert "could not load faces version 2: warm-up failed" in message
    assert has_ended(program)


def test_taken_ports_are_told_before_anything_is_done(program, capsys, ports):
    with socket.socket() as taken:
        taken.bind(("", int(ports[3])))
        taken.listen()
        code, message, output = fails(capsys, "faces", *ports)
    assert code == 1
    assert f"Port {ports[3]} cannot be used" in message
    assert "another port with --rest-port" in message
    assert not output
    assert not os.path.exists("serving")


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        (
            ("70000", "8501"),
            "--grpc-port must be an int from 1 to 65535. Received: --grpc-port 70000",
        ),
        (("8555", "8555"), "--grpc-port and --rest-port must differ. Received: 8555 twice."),
    ],
)
def test_bad_ports_are_refused(capsys, ports, message):
    code, error, _ = fails(capsys, "faces", "--grpc-port", ports[0], "--rest-port", ports[1])
    assert code == 2
    assert message in error


def test_a_program_that_is_none_is_refused(capsys, ports, monkeypatch):
    monkeypatch.setenv("TENSORFLOW_MODEL_SERVER", "/nowhere/server")
    code, message, _ = fails(capsys, "faces", *ports)
    assert code == 2
    assert "TENSORFLOW_MODEL_SERVER=/nowhere/server is no program" in message


# === No server ===


def test_without_any_server_it_says_what_to_install_and_to_run(capsys, ports, tmp_path):
    code, message, output = fails(capsys, "faces", *ports)
    assert code == 1
    assert "no tensorflow_model_server and no running Docker" in message
    assert "sudo apt-get install tensorflow-model-server" in output
    commands = shlex.split(output[output.index("  tensorflow_model_server \\") :])
    assert f"--model_config_file={tmp_path}/serving/models.config" in commands
    assert f"--mount=type=bind,source={tmp_path}/faces,target={tmp_path}/faces,readonly" in commands
    assert (tmp_path / "serving" / "models.config").is_file()


def test_for_a_gpu_only_docker_is_offered(capsys, ports):
    code, message, output = fails(capsys, "faces", "--gpu", *ports)
    assert code == 1
    assert "Nothing was started: there is no running Docker." in message
    assert "tensorflow/serving:2.21.0-gpu" in output
    assert "  tensorflow_model_server \\" not in output


def _put_docker_on_path(tmp_path, monkeypatch, script):
    """A stand-in for Docker's client."""
    file = tmp_path / "docker" / "docker"
    file.parent.mkdir()
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(file.parent))


def test_docker_without_an_engine_starts_nothing(capsys, ports, tmp_path, monkeypatch):
    script = 'echo "Cannot connect to the Docker daemon" >&2; exit 1'
    _put_docker_on_path(tmp_path, monkeypatch, script)
    code, message, _ = fails(capsys, "faces", *ports)
    assert code == 1
    assert "no running Docker" in message


def test_docker_runs_the_server(capsys, ports, tmp_path, monkeypatch):
    script = 'echo "$@" >> calls; case "$1" in info) echo 28.0;; run) echo oh; exit 4;; esac'
    _put_docker_on_path(tmp_path, monkeypatch, script)
    code, message, _ = fails(capsys, "faces", "--gpu", *ports)
    assert code == 1
    assert "docker ended with code 4" in message
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["info", "image", "run"]
    assert "--gpus=all" in calls[2]
    assert "tensorflow/serving:2.21.0-gpu --port=8500 --rest_api_port=8501" in calls[2]
    assert f"--publish=127.0.0.1:{ports[1]}:8500" in calls[2]


def test_a_server_that_does_not_stop_is_killed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.chdir(tmp_path)
    script = 'trap "" TERM; echo $$ > new; mv new pid; while :; do :; done'
    with model_server.ModelServer(["sh", "-c", script], tmp_path / "log", grace=0.2):
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_container_that_does_not_stop_is_removed(tmp_path, monkeypatch):
    script = """case "$1" in
    run) trap "" TERM; echo > ready; while :; do :; done;;
    *) echo "$@" > calls;;
    esac"""
    _put_docker_on_path(tmp_path, monkeypatch, script)
    command, log = ["docker", "run"], tmp_path / "log"
    with model_server.ModelServer(command, log, container="me", grace=0.2):
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
    assert (tmp_path / "calls").read_text() == "rm --force me\n"


def test_an_image_that_docker_cannot_fetch_is_told(capsys, ports, tmp_path, monkeypatch):
    script = 'case "$1" in info) echo 28.0;; *) exit 1;; esac'
    _put_docker_on_path(tmp_path, monkeypatch, script)
    code, message, _ = fails(capsys, "faces", *ports)
    assert code == 1
    assert "Docker could not fetch tensorflow/serving:2.21.0" in message
