"""The double in a process of its own: neither a crash nor a busy interpreter is shared."""

import contextlib
import json
import os
import subprocess
import sys

__all__ = ["DoubleProcess", "start_double"]

_ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4))


class DoubleProcess:
    """Addresses of a running double."""

    def __init__(self, process, addresses):
        self._process = process
        self.grpc_address = addresses["grpc"]
        self.rest_address = addresses["rest"]

    @property
    def is_alive(self):
        """Whether it has not crashed."""
        return self._process.poll() is None


@contextlib.contextmanager
def start_double(models, max_batch_size=64):
    """Serves models until the block ends; yields a `DoubleProcess`."""
    command = [sys.executable, "-m", "tests.zoo.serving.double"]
    command += [f"--max_batch_size={max_batch_size}"]
    command += [f"{name}={path}" for name, path in models.items()]
    process = subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("The double did not start; see its messages above.")
            yield DoubleProcess(process, json.loads(line))
        finally:
            process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
