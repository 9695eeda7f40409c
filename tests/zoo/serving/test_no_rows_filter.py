"""The filter of docs/serving refuses requests of no rows; run in Lua, as Envoy does."""

import pathlib

import lupa.luajit21 as lua
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

FILTER = pathlib.Path(__file__).parents[3] / "docs" / "serving" / "no_rows.lua"
PREDICT = b"/tensorflow.serving.PredictionService/Predict"
ROWS = np.zeros([300, 2, 1], np.float32)


class Handle:
    """What Envoy gives to a filter, as far as it is used."""

    def __init__(self, runtime, path, message, is_compressed=False):
        self.answer = None
        body = bytes([is_compressed]) + len(message).to_bytes(4, "big") + message
        self.table = runtime.table_from(
            {
                b"headers": lambda _: runtime.table_from({b"get": lambda _, name: path}),
                b"body": lambda _: runtime.table_from(
                    {
                        b"length": lambda _: len(body),
                        b"getBytes": lambda _, first, count: body[first : first + count],
                    }
                ),
                b"respond": self._respond,
            }
        )

    def _respond(self, _, headers, body):
        self.answer = {name.decode(): value.decode() for name, value in headers.items()}


@pytest.fixture(scope="module")
def send():
    """Sends a message through the filter; returns the headers of its refusal, or None."""
    runtime = lua.LuaRuntime(encoding=None)
    runtime.execute(FILTER.read_bytes())

    def send(message, path=PREDICT, is_compressed=False):
        handle = Handle(runtime, path, message, is_compressed)
        runtime.globals()[b"envoy_on_request"](handle.table)
        return handle.answer

    return send


def _request(**inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "vae", "sample"
    request.model_spec.version.value = 7
    for name, values in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return request.SerializeToString()


def test_requests_of_no_rows_are_refused(send):
    for inputs in (
        {"image": ROWS[:0]},
        {"image_bytes": np.array([], object)},
        {"seed": np.zeros([1, 2], np.int32), "temperature": np.zeros([0], np.float32)},
    ):
        refusal = send(_request(**inputs))
        assert (refusal["grpc-status"], refusal["grpc-message"]) == ("3", "an input has no rows")


@pytest.mark.parametrize("num_rows", [1, 300])
def test_requests_with_rows_pass(send, num_rows):
    assert send(_request(image=ROWS[:num_rows])) is None
    assert send(_request(image=ROWS[:num_rows, :0])) is None, "the graph says what is wrong there"
    assert send(_request(seed=np.zeros([num_rows, 2], np.int32), image=ROWS[:num_rows])) is None
    assert send(_request(image_bytes=np.array([b"\x12\x00"] * num_rows, object))) is None


def test_what_is_no_such_request_passes(send):
    assert send(_request(image=ROWS[:0]), path=b"/v1/models/vae") is None
    assert send(b"") is None
    assert send(_request(image=ROWS[:1])[:-3]) is None
    assert send(bytes(range(255, 155, -1))) is None


def test_compressed_requests_are_refused(send):
    assert send(_request(image=ROWS[:1]), is_compressed=True)["grpc-status"] == "12"
