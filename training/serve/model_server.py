"""Runs TensorFlow Serving: finds it, starts it, waits until its models are loaded, stops it."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading

from training.serve.loading import fail, wait_until_loaded
from zoo import checks
from zoo.errors import UsageError, UserError

__all__ = [
    "BINARY",
    "VARIABLE",
    "ModelServer",
    "check_ports",
    "environment",
    "find_binary",
    "has_docker_engine",
    "stops_as_interrupts",
]

BINARY = "tensorflow_model_server"
VARIABLE = "TENSORFLOW_MODEL_SERVER"
_DOCKER_SECONDS = 10  # For Docker's engine to answer.
# What keeps TensorFlow quiet in this process, set by it or by a user, would keep a server's loads,
# warnings and errors from its log, by which one tells what is wrong with it.
_QUIETING = ("TF_CPP_MIN_LOG_LEVEL", "TF_CPP_MIN_VLOG_LEVEL", "ABSL_MIN_LOG_LEVEL")
_IS_WINDOWS = os.name == "nt"


def find_binary():
    """Returns the path of `tensorflow_model_server`, or None where there is none.

    Raises:
        UsageError: The environment variable TENSORFLOW_MODEL_SERVER names no program.
    """
    named = os.environ.get(VARIABLE)
    found = shutil.which(named or BINARY)
    if named and not found:
        raise UsageError(f"{VARIABLE}={named} is no program that can be run. Correct or unset it.")
    return found


def environment():
    """Returns the environment for a server: this process's, but for what would silence it."""
    return {name: value for name, value in os.environ.items() if name not in _QUIETING}


def has_docker_engine():
    """Whether Docker's engine answers; its client alone can start nothing."""
    try:
        answer = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            text=True,
            timeout=_DOCKER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and bool(answer.stdout.strip())


def check_ports(**ports):
    """Checks that the ports, by the name of their option, can be listened on.

    Raises:
        UsageError: A number is no port, or both are the same.
        UserError: Something listens there already.
    """
    for option, port in ports.items():
        checks.integer(option, port, most=65535)
    if len(set(ports.values())) < len(ports):
        raise UsageError(f"{' and '.join(map(_flag, ports))} must differ. Received: {port} twice.")
    for option, port in ports.items():
        # gRPC shares a taken port in silence, and requests would reach either server.
        with socket.socket() as probe:
            if not _IS_WINDOWS:  # There the option would let it bind a port that is taken.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError as error:
                raise UserError(
                    f"Port {port} cannot be used ({error.strerror}): is another server running? "
                    f"Stop it, or give another port with {_flag(option)}."
                ) from error


def _flag(option):
    return f"--{option.replace('_', '-')}"


@contextlib.contextmanager
def stops_as_interrupts():
    """Turns the signals that end a program into KeyboardInterrupt, as Ctrl-C is one."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()  # Only it may set handlers.
    names = ("SIGTERM", "SIGHUP") if is_main else ()
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]  # Windows: one.
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class ModelServer:
    """A running server; leaving the `with` block stops it.

    Args:
        command: What starts it, a list of strings.
        log: Path of a file for what it prints, written anew.
        container: Name of the Docker container that the command makes, if it does.
        inherited: File descriptors that stay open in the server, such as a lock's.
        grace: Seconds that it has to end by itself when it is stopped.
    """

    def __init__(self, command, log, container=None, inherited=(), grace=10.0):
        self.command = command
        self.log = pathlib.Path(log)
        self.container = container
        self._inherited, self._grace = inherited, grace
        self._process = None

    def __enter__(self):
        try:
            with open(self.log, "wb") as log:
                self._process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment(),
                    # Windows passes on no open files by number, and has no locks either.
                    pass_fds=() if _IS_WINDOWS else self._inherited,
                )
        except OSError as error:
            raise UserError(f"Could not start {self.command[0]}: {error}.") from error
        return self

    def __exit__(self, *_):
        # A server that does not end in time, or a second Ctrl-C, ends its patience.
        try:
            self._process.terminate()
            self._process.wait(self._grace)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._kill()
            self._process.wait()

    def _kill(self):
        if self.container is not None:  # It would outlive the command that made it.
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    ["docker", "rm", "--force", self.container],
                    capture_output=True,
                    timeout=_DOCKER_SECONDS,
                )
        self._process.kill()

    def wait_until_available(self, versions, rest_port):
        """Waits until all models are loaded, as long as anything moves.

        Args:
            versions: Name of each model to a list of the versions (ints) to wait for.
            rest_port: Where the server answers REST.

        Raises:
            UserError: The server ended, could not load a version, or does nothing any more; the
                message ends with the last lines of its log.
        """
        wait_until_loaded(versions, rest_port, self.log, self._check_running)

    def wait(self):
        """Waits until the server ends by itself, which it should not.

        Raises:
            UserError: It did.
        """
        self._process.wait()
        self._check_running()

    def _check_running(self):
        code = self._process.poll()
        if code is not None:
            fail(f"{self.command[0]} ended with code {code}", self.log)
