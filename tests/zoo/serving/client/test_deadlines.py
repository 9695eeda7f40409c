"""A call ends by its deadline, whatever the server does, and whoever else uses the client.

No clock is looked at: the servers here do something else in the end, which a call that waited too
long would tell of.
"""

import concurrent.futures
import contextlib
import socket
import threading

import grpc
import pytest

from zoo import serving

DEADLINE = 0.5
NUM_THREADS = 6


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


@contextlib.contextmanager
def answering_grpc(serve):
    """Calls `serve()` for each request; yields "localhost:port"."""

    def answer(request, context):
        serve()
        context.abort(grpc.StatusCode.INTERNAL, "enough")

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(NUM_THREADS), [Handler()])
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield f"localhost:{port}"
    finally:
        server.stop(None)


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
    """The server lets nobody go before all are there."""
    gate = threading.Barrier(NUM_THREADS, timeout=60)
    server = listening(lambda *_: gate.wait()) if scheme else answering_grpc(gate.wait)
    with (
        server as address,
        serving.Client(scheme + address, "vae", max_retries=0) as client,
        concurrent.futures.ThreadPoolExecutor(NUM_THREADS) as pool,
    ):
        jobs = [pool.submit(client.sample, 1) for _ in range(NUM_THREADS)]
        assert all(isinstance(job.exception(), serving.ServingError) for job in jobs)
    assert not gate.broken


def test_a_server_that_says_nothing():
    with (
        listening(lambda connection, is_over: is_over.wait()) as address,
        serving.Client(f"http://{address}", "vae", deadline=DEADLINE) as client,
        pytest.raises(serving.DeadlineExceededError),
    ):
        client.sample(1)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nX-Header: " + 99 * b"x",
        99 * b"x",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + 99 * b" ",
    ],
    ids=["headers", "no HTTP", "body"],
)
def test_a_server_that_drips(text):
    """Until it has closed the connection, after which a call would be refused, not late."""
    with (
        listening(drip(text)) as address,
        serving.Client(f"http://{address}", "vae", deadline=DEADLINE) as client,
        pytest.raises(serving.DeadlineExceededError),
    ):
        client.sample(1)


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
