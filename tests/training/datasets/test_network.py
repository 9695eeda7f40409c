import http.server
import socket
import threading

import pytest
import requests

from training.datasets import network


@pytest.fixture
def server():
    """The address of a server on this machine that answers with an error."""
    http_server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=http_server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{http_server.server_port}/file.zip"
    http_server.shutdown()
    thread.join()
    http_server.server_close()


@pytest.fixture
def closed_port():
    with socket.socket() as reserved:  # bound, and not listening
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}/file.zip"


def test_any_answer_of_any_host_counts(server, closed_port, capsys):
    assert network.can_reach([closed_port, server])


def test_no_answer(closed_port):
    assert not network.can_reach([closed_port, "ftp://left.out/file"])


def test_nobody_to_ask():
    assert network.can_reach([])


def test_hosts_that_never_answer(monkeypatch):
    waiting = threading.Event()
    monkeypatch.setattr(network, "TIMEOUT_SECONDS", 0.01)
    monkeypatch.setattr(network, "_answers", lambda url: waiting.wait())
    assert not network.can_reach(["http://somewhere/file"])
    waiting.set()


def test_requests_are_refused_and_then_possible_again(server):
    with (
        network.refuse_requests("no network"),
        pytest.raises(requests.ConnectionError, match=r"no network .*zip"),
    ):
        requests.get(server)
    assert requests.get(server, timeout=5).status_code == 501
