"""Starts a real `tensorflow_model_server` for tests: the one that an environment variable names."""

import contextlib
import os
import subprocess

import pytest

from benchmarks.processes import free_ports
from training.serve import model_server
from training.serve.loading import wait_until_loaded
from zoo.serving import server_configuration as configuration

__all__ = ["start_real_server"]

_VARIABLE = "TENSORFLOW_MODEL_SERVER"
_STOP_SECONDS = 20


class RealServer:
    """Addresses of a running server."""

    def __init__(self, grpc_port, rest_port):
        self.grpc_address = f"localhost:{grpc_port}"
        self.rest_address = f"http://localhost:{rest_port}"


@contextlib.contextmanager
def start_real_server(models, folder, max_batch_size=64, timeout_micros=1000):
    """Serves models as `zoo.serving` configures a server; skips the test if no binary is named.

    Args:
        models: Dict of name to the folder of a version.
        folder: A `pathlib.Path` to write the configuration and the log to.
        max_batch_size: The largest batch, a power of two.
        timeout_micros: How long a batch waits for more requests, in microseconds.

    Yields:
        A `RealServer` that has loaded them, however long it took.
    """
    binary = os.environ.get(_VARIABLE)
    if not binary:
        pytest.skip(f"{_VARIABLE} does not name a tensorflow_model_server binary")
    batching = configuration.Batching(max_batch_size, timeout_micros)
    served = [
        configuration.ServedModel(name, os.path.dirname(os.path.abspath(path)))
        for name, path in models.items()
    ]
    for name, text in {
        configuration.MODELS_FILE: configuration.models_config(served),
        configuration.BATCHING_FILE: configuration.batching_config(batching),
        configuration.MONITORING_FILE: configuration.monitoring_config(),
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    ports = free_ports(2)
    arguments = configuration.server_arguments(folder, batching, configuration.Endpoints(*ports))
    with open(folder / "server.log", "wb") as log:
        command = [binary, *arguments]
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=model_server.environment()
        )
        try:
            versions = {name: [int(os.path.basename(path))] for name, path in models.items()}
            wait_until_loaded(versions, ports[1], log.name, lambda: _check_running(process))
            yield RealServer(*ports)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _check_running(process):
    assert process.poll() is None, f"the server ended with code {process.returncode}"
