"""A call ends by its deadline, whatever the server does, and whoever else uses the client."""

import concurrent.futures
import contextlib
import socket
import threading
import time

import pytest

from zoo import serving

DEADLINE = 0.5
SLACK = 1.0  # For a busy machine; each test would take seconds more without what it tests.


@contextlib.contextmanager
def listening(serve):
    """Calls `serve(connection, is_over)` for each connection; yields "localhost:port"."""
    is_over = threading.Event()
    with socket.create_server(("localhost", 0)) as server:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=work, args=[connection], daemon=True).start()

        def work(connection):
            with connection, contextlib.suppress(OSError):
                serve(connection, is_over)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"localhost:{server.getsockname()[1]}"
        finally:
            is_over.set()


def stay_silent(connection, is_over):
    is_over.wait()


def drip(text):
    """Sends a byte now and then: more often than any timeout of a read."""

    def serve(connection, is_over):
        for byte in text:
            connection.send(bytes([byte]))
            if is_over.wait(DEADLINE / 5):
                return

    return serve


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_threads_do_not_wait_for_each_other(scheme):
    with (
        listening(stay_silent) as address,
        serving.Client(scheme + address, "vae", deadline=DEADLINE) as client,
        concurrent.futures.ThreadPoolExecutor(6) as pool,
    ):
        start = time.monotonic()
        jobs = [pool.submit(client.sample, 1) for _ in range(6)]
        errors = [job.exception() for job in jobs]
        # One after the other they would take 6 deadlines.
        assert time.monotonic() - start < DEADLINE + SLACK
    assert all(
        isinstance(e, serving.DeadlineExceededError | serving.UnreachableError) for e in errors
    )


@pytest.mark.parametrize(
    "text",
    [b"HTTP/1.1 200 OK\r\nX-Header: " + 99 * b"x", 99 * b"x"],
    ids=["headers", "no HTTP"],
)
def test_a_server_that_drips(text):
    with (
        listening(drip(text)) as address,
        serving.Client(f"http://{address}", "vae", deadline=DEADLINE) as client,
    ):
        start = time.monotonic()
        with pytest.raises(serving.DeadlineExceededError):
            client.sample(1)
        assert time.monotonic() - start < DEADLINE + SLACK


def test_a_body_that_drips():
    def serve(connection, is_over):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        drip(99 * b" ")(connection, is_over)

    with (
        listening(serve) as address,
        serving.Client(f"http://{address}", "vae", deadline=DEADLINE) as client,
    ):
        start = time.monotonic()
        with pytest.raises(serving.DeadlineExceededError):
            client.sample(1)
        assert time.monotonic() - start < DEADLINE + SLACK


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), None, "5", True])
def test_seconds_are_finite_numbers(seconds):
    with pytest.raises(ValueError, match="deadline must be a finite number of seconds above 0"):
        serving.Client("localhost:1", "vae", deadline=seconds)
    with (
        serving.Client("localhost:1", "vae") as client,
        pytest.raises(ValueError, match="timeout must be a finite number of seconds above 0"),
    ):
        client.wait_until_available(seconds)


def test_enormous_deadlines(connect_to_double):
    assert len(connect_to_double(deadline=1e300).sample(1)) == 1
