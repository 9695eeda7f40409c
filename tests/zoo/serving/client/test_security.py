"""TLS, and the headers that a proxy before the server may want."""

import contextlib
import shutil
import socket
import subprocess
import threading

import pytest

from tests import contract
from tests.zoo.serving.client.conftest import GREY_SHAPE
from tests.zoo.serving.double import Double, TlsFiles
from zoo import serving


def test_headers_and_labels(connect_to_double, double):
    double.headers.clear()
    client = connect_to_double(label="stable", headers={"Authorization": "Bearer x"})
    assert client.sample(1).shape == (1, *GREY_SHAPE)
    assert len(double.headers) == 2
    for headers in double.headers:
        lower = {name.lower(): value for name, value in headers.items()}
        assert lower["authorization"] == "Bearer x"


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory):
    """A key and a certificate for localhost that nobody signed."""
    if not shutil.which("openssl"):
        pytest.skip("the command openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("tls")
    files = TlsFiles(str(folder / "key.pem"), str(folder / "certificate.pem"))
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = "-addext subjectAltName=DNS:localhost"
    command = f"openssl {options} {names} -keyout {files.key} -out {files.certificate}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return files


def test_tls_that_fails_is_not_tried_again():
    connections = []

    def work(server):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                connections.append(connection)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("localhost", 0)) as server:
        threading.Thread(target=work, args=[server], daemon=True).start()
        address = f"https://localhost:{server.getsockname()[1]}"
        with (
            serving.Client(address, "grey", deadline=20) as client,
            pytest.raises(serving.UnreachableError, match="TLS"),
        ):
            client.sample(1)
    assert len(connections) == 1
    connections[0].close()


def test_tls(grey, tls_files):
    with Double({"grey": grey.path}, tls=tls_files) as double:
        for address in (double.grpc_address, double.rest_address):
            trusted = {"root_certificates": tls_files.certificate}
            with serving.Client(address, "grey", **trusted) as client:
                contract.assert_close(client.sample(1, seed=0), grey.model.sample(1, seed=0))
            with (
                serving.Client(address, "grey", secure=True, deadline=2, max_retries=0) as client,
                pytest.raises(serving.UnreachableError, match="TLS"),
            ):
                client.sample(1)
