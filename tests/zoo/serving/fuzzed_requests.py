"""Requests that a server should refuse, of every kind that we could think of.

Each kind takes a valid request and spoils one thing. A gRPC request is the bytes that are sent, so
that these can be spoilt too; a REST request is the body.
"""

import base64
import dataclasses
import json

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

__all__ = ["GRPC_KINDS", "REST_KINDS", "Fuzzed", "fuzz"]


@dataclasses.dataclass(frozen=True)
class Fuzzed:
    """One request.

    Attributes:
        kind: What is wrong with it.
        signature_name: What it asks for, or meant to.
        is_rest: Whether `body` goes by REST.
        body: The bytes.
        must_fail: Whether it is wrong for certain: cut bytes may by chance be a valid request, and
            huge latents may have a finite answer.
    """

    kind: str
    signature_name: str
    is_rest: bool
    body: bytes
    must_fail: bool = True


def fuzz(kind, rng, valid):
    """Makes a request of a kind.

    Args:
        kind: One of `GRPC_KINDS` or `REST_KINDS`.
        rng: NumPy's generator.
        valid: Dict of signature name to a dict of valid inputs, of one row or more.
    """
    fits = _NEEDS.get(kind, lambda inputs: True)
    name = str(rng.choice([name for name in sorted(valid) if fits(valid[name])]))
    if kind in REST_KINDS:
        return Fuzzed(kind, name, True, REST_KINDS[kind](rng, name, dict(valid[name])))
    body = GRPC_KINDS[kind](rng, name, dict(valid[name]))
    return Fuzzed(kind, name, False, body, kind not in _MAY_BE_VALID)


def _message(name, inputs, model="vae", version=None):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, name
    if version is not None:
        request.model_spec.version.value = version
    for key, values in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
    return request


def _serialized(name, inputs, **options):
    return _message(name, inputs, **options).SerializeToString()


def _changed(change, only=lambda values: True):
    """Makes a kind that changes the array of one input."""

    def spoil(rng, name, inputs):
        keys = [key for key, values in sorted(inputs.items()) if only(values)]
        key = str(rng.choice(keys))
        return _serialized(name, inputs | {key: change(rng, inputs[key])})

    return spoil


def _with_value(value):
    def change(rng, values):
        spoilt = values.copy()  # All rows: a batch may hold good ones of others.
        spoilt.reshape(len(spoilt), -1)[:, rng.integers(values[0].size)] = value
        return spoilt

    return _changed(change, _is_float)


def _is_float(values):
    return values.dtype.kind == "f"


def _is_array(values):
    return values.dtype != object and values.ndim > 1


def _other_size(rng, values):
    shape = list(values.shape)
    shape[rng.integers(1, values.ndim)] += int(rng.integers(1, 4))
    return np.zeros(shape, values.dtype)


def _huge_size(rng, values):
    return np.zeros([len(values), *[100] * (values.ndim - 1)], values.dtype)


def _other_type(rng, values):
    if values.dtype == object:
        return np.ones(len(values), np.float32)
    return values.astype(str(rng.choice(["float64", "int64", "uint8", "float16"])))


def _repeated(count):
    def spoil(rng, name, inputs):
        num = count(rng)
        many = {key: np.repeat(values[:1], num, axis=0) for key, values in inputs.items()}
        return _serialized(name, many)

    return spoil


def _unequal_rows(rng, name, inputs):
    key = sorted(inputs)[0]
    return _serialized(name, inputs | {key: np.concatenate([inputs[key], inputs[key][:1]])})


def _renamed(rng, name, inputs):
    key = str(rng.choice(sorted(inputs)))
    inputs["x" + key] = inputs.pop(key)
    return _serialized(name, inputs)


def _without_one(rng, name, inputs):
    inputs.pop(str(rng.choice(sorted(inputs))))
    return _serialized(name, inputs)


def _cut_message(rng, name, inputs):
    body = _serialized(name, inputs)
    return body[: rng.integers(1, len(body))]


def _lying_shape(change):
    def spoil(rng, name, inputs):
        request = _message(name, inputs)
        tensor = request.inputs[sorted(inputs)[0]]
        tensor.tensor_shape.dim[0].size = change(tensor.tensor_shape.dim[0].size)
        return request.SerializeToString()

    return spoil


def _unknown_type(rng, name, inputs):
    request = _message(name, inputs)
    request.inputs[sorted(inputs)[0]].dtype = 99
    return request.SerializeToString()


def _files(change):
    def spoil(rng, name, inputs):
        files = np.array([change(rng, data) for data in inputs["image_bytes"]], object)
        return _serialized(name, inputs | {"image_bytes": files})

    return spoil


GRPC_KINDS = {
    "rank too low": _changed(lambda rng, values: values[0], _is_array),
    "rank too high": _changed(lambda rng, values: values[..., None]),
    "scalar": _changed(lambda rng, values: values.ravel()[0]),
    "size": _changed(_other_size, _is_array),
    "huge size": _changed(_huge_size, _is_array),
    "type": _changed(_other_type),
    "NaN": _with_value(np.nan),
    "infinite": _with_value(np.inf),
    "minus infinite": _with_value(-np.inf),
    "huge value": _with_value(3e38),
    "no rows": _changed(lambda rng, values: values[:0]),
    "too many rows": _repeated(lambda rng: int(rng.integers(65, 400))),
    "unequal rows": _unequal_rows,
    "wrong name": _renamed,
    "input missing": _without_one,
    "input too many": lambda rng, name, inputs: _serialized(name, inputs | {"x": np.ones(1)}),
    "unknown signature": lambda rng, name, inputs: _serialized(f"{name}2", inputs),
    "unknown model": lambda rng, name, inputs: _serialized(name, inputs, model="vea"),
    "unknown version": lambda rng, name, inputs: _serialized(name, inputs, version=99),
    "out of range": _with_value(7.5),
    "cut message": _cut_message,
    "random message": lambda rng, name, inputs: rng.bytes(int(rng.integers(1, 400))),
    "too few values": _lying_shape(lambda size: size + 3),
    "negative size": _lying_shape(lambda size: -7),
    "enormous size": _lying_shape(lambda size: 1 << 40),
    "unknown type": _unknown_type,
    "cut file": _files(lambda rng, data: data[: rng.integers(9, len(data) - 12)]),
    "random file": _files(lambda rng, data: rng.bytes(int(rng.integers(1, 400)))),
    "empty file": _files(lambda rng, data: b""),
    "huge file": _files(lambda rng, data: data[:30] + rng.bytes(1 << 20)),
}


def _json(inputs, **changes):
    return {key: _as_json(values) for key, values in inputs.items()} | changes


def _as_json(values):
    if values.dtype == object:
        return [{"b64": base64.b64encode(value).decode()} for value in values]
    return values.tolist()


def _body(name, inputs):
    return json.dumps({"signature_name": name, "inputs": inputs}).encode()


def _cut_json(rng, name, inputs):
    body = _body(name, _json(inputs))
    return body[: rng.integers(1, len(body) - 1)]


def _one_as(value):
    def spoil(rng, name, inputs):
        key = str(rng.choice(sorted(inputs)))
        return _body(name, _json(inputs) | {key: value})

    return spoil


REST_KINDS = {
    "cut JSON": _cut_json,
    "JSON of random bytes": lambda rng, name, inputs: rng.bytes(int(rng.integers(1, 400))),
    "JSON without inputs": lambda rng, name, inputs: _body(name, {}),
    "JSON list": lambda rng, name, inputs: b"[1, 2]",
    "ragged JSON": _one_as([[1, 2], [3]]),
    "text in JSON": _one_as(["many", "words", 0.5]),
    "null in JSON": _one_as(None),
    "JSON of no rows": lambda rng, name, inputs: json.dumps(
        {"signature_name": name, "instances": []}
    ).encode(),
    "float seed": lambda rng, name, inputs: _body(name, _json(inputs, seed=[[0.5, 1.5]])),
    "large seed": lambda rng, name, inputs: _body(name, _json(inputs, seed=[[2**40, 0]])),
    "bad base64": lambda rng, name, inputs: _body(name, _json(inputs, image_bytes=[{"b64": "%"}])),
}
_MAY_BE_VALID = ("cut message", "huge value", "no rows")


def _with_input(name):
    return lambda inputs: name in inputs


def _with_any(is_it):
    return lambda inputs: any(is_it(values) for values in inputs.values())


# What the inputs of a signature must have for a kind; the others are for all signatures.
_NEEDS = {
    "rank too low": _with_any(_is_array),
    "size": _with_any(_is_array),
    "huge size": _with_any(_is_array),
    "NaN": _with_any(_is_float),
    "infinite": _with_any(_is_float),
    "minus infinite": _with_any(_is_float),
    "huge value": lambda inputs: "latents_0" in inputs or "temperature" in inputs,
    "out of range": _with_input("image"),
    "unequal rows": lambda inputs: len(inputs) > 1,
    # Of strings, fewer values than the shape says mean that the last is repeated.
    "too few values": lambda inputs: "image_bytes" not in inputs,
    "cut file": _with_input("image_bytes"),
    "random file": _with_input("image_bytes"),
    "empty file": _with_input("image_bytes"),
    "huge file": _with_input("image_bytes"),
    "float seed": _with_input("seed"),
    "large seed": _with_input("seed"),
    "bad base64": _with_input("image_bytes"),
}
