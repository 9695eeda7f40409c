"""Starts a real `tensorflow_model_server` for tests: the one that an environment variable names."""

import contextlib
import os
import socket
import subprocess

import pytest

__all__ = ["start_real_server"]

_VARIABLE = "TENSORFLOW_MODEL_SERVER"
_STOP_SECONDS = 20
_BATCHING = """
max_batch_size {{ value: {0} }}
batch_timeout_micros {{ value: 2000 }}
allowed_batch_sizes: {0}
"""
_MODELS = "model_config_list {{ {} }}"
_MODEL = 'config {{ name: "{}" base_path: "{}" model_platform: "tensorflow" }}'


class RealServer:
    """Addresses of a running server."""

    def __init__(self, grpc_port, rest_port):
        self.grpc_address = f"localhost:{grpc_port}"
        self.rest_address = f"http://localhost:{rest_port}"


@contextlib.contextmanager
def start_real_server(models, folder, max_batch_size=64):
    """Serves models with `--enable_batching`; skips the test where no binary is named.

    Args:
        models: Dict of name to the folder of a version.
        folder: A `pathlib.Path` to write the configuration and the log to.
        max_batch_size: The largest batch.

    Yields:
        A `RealServer`; models may still be loading.
    """
    binary = os.environ.get(_VARIABLE)
    if not binary:
        pytest.skip(f"{_VARIABLE} does not name a tensorflow_model_server binary")
    entries = [_MODEL.format(name, os.path.dirname(path)) for name, path in models.items()]
    (folder / "models.config").write_text(_MODELS.format("\n".join(entries)))
    (folder / "batching.config").write_text(_BATCHING.format(max_batch_size))
    ports = _free_ports(2)
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            [
                binary,
                f"--port={ports[0]}",
                f"--rest_api_port={ports[1]}",
                f"--model_config_file={folder / 'models.config'}",
                "--enable_batching",
                f"--batching_parameters_file={folder / 'batching.config'}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield RealServer(*ports)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]
