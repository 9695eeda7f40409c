"""Answers that are not TensorFlow Serving's, or not those of a model of the zoo, are told of."""

import contextlib
import http.server
import json
import threading

import pytest

from zoo import serving

NO_SIGNATURES = {"signature_def": {"signature_def": {}}}


@contextlib.contextmanager
def answering(**answers):
    """Answers paths that end in a name by JSON, others by {}; yields the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = [answer for name, answer in answers.items() if self.path.endswith(name)]
            body = json.dumps(found[0] if found else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *arguments):
            """Keeps tests quiet."""

    with http.server.ThreadingHTTPServer(("localhost", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_address[1]}"
        server.shutdown()


def metadata(inputs, outputs):
    return {
        "metadata": {
            "signature_def": {"signature_def": {"sample": {"inputs": inputs, "outputs": outputs}}}
        }
    }


def entry(*sizes, dtype="DT_FLOAT"):
    return {"dtype": dtype, "tensor_shape": {"dim": [{"size": str(size)} for size in sizes]}}


SEED, TEMPERATURE, IMAGE = entry(-1, 2, dtype="DT_INT32"), entry(-1), entry(-1, 2, 2, 1)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"metadata": {}},
        {"metadata": None},
        {"metadata": {"signature_def": {"signature_def": [1]}}},
        metadata({"seed": {}}, {}),
        metadata({"seed": {"dtype": 3, "tensor_shape": {}}}, {}),
        metadata({"seed": {"dtype": "DT_INT32", "tensor_shape": {"dim": [{}]}}}, {}),
    ],
    ids=str,
)
def test_metadata_of_another_server(answer):
    with (
        answering(metadata=answer) as address,
        serving.Client(address, "vae", deadline=5) as client,
        pytest.raises(serving.ServingError, match="not one of TensorFlow Serving"),
    ):
        client.sample(1)


@pytest.mark.parametrize(
    "status", [None, 7, [{}], [{"version": "x", "state": "AVAILABLE"}], [{"version": "1"}]], ids=str
)
def test_states_of_another_server(status):
    with (
        answering(vae={"model_version_status": status}) as address,
        serving.Client(address, "vae") as client,
        pytest.raises(serving.ServingError, match="not one of TensorFlow Serving"),
    ):
        client.wait_until_available(5)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (None, "not one of TensorFlow Serving"),
        ({"image": "x"}, "not one of TensorFlow Serving"),
        ({"image": [[1.0], [1.0, 2.0]]}, "not one of TensorFlow Serving"),
        ({"image": 0.5}, "1 rows were asked for"),
        ({"image": []}, "1 rows were asked for"),
    ],
    ids=str,
)
def test_outputs_of_another_model(outputs, message):
    known = metadata({"seed": SEED, "temperature": TEMPERATURE}, {"image": IMAGE, "error": IMAGE})
    if isinstance(outputs, dict):
        outputs = outputs | {"error": []}
    with (
        answering(metadata=known, predict={"outputs": outputs}) as address,
        serving.Client(address, "vae", deadline=5) as client,
        pytest.raises(serving.ServingError, match=message),
    ):
        client.sample(1)


def test_signatures_of_another_model():
    known = metadata({"seed": SEED, "temperature": TEMPERATURE}, {"other": IMAGE})
    with (
        answering(metadata=known) as address,
        serving.Client(address, "vae", deadline=5) as client,
    ):
        with pytest.raises(serving.ServingError, match=r"has no output \['image'\]. It has"):
            client.sample(1)
        with pytest.raises(serving.SignatureNotFoundError, match="It has `sample`"):
            client.decode([[0.0]])
