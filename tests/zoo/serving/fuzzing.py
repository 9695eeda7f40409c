"""Sends fuzzed requests to a server while others send valid ones, and counts what happens.

A fault is named by an answer of the served graph that names an input in backquotes, or by one of
the messages that TensorFlow Serving itself has for such faults. Names of the graph's nodes, which
TensorFlow appends as `[[{{node ...}}]]`, do not count.
"""

import collections
import concurrent.futures
import re
import threading
import time

import grpc
import numpy as np
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tests.zoo.serving.fuzzed_requests import GRPC_KINDS, REST_KINDS, fuzz
from zoo import serving

__all__ = ["run"]

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_DEADLINE = 20.0
_DEADLINE_WITHOUT_ROWS = 0.3  # A server lets such requests wait for others.
_TOLERANCE = 1e-5
_GRAPHS_OWN = re.compile(
    r"VAE Zoo: (`(image|image_bytes|latents_\d+|seed|temperature)`|the answer)"
)
_NODES = re.compile(r"\[\[\{\{.*?\}\}.*?\]\]", re.DOTALL)
_SERVERS_OWN = re.compile(
    "|".join(
        [
            "Serving signature (key|name)",
            "Servable not found for request",
            "input size does not match signature",
            "input tensor alias not found in signature",
            r"Task size \d+ is larger than maximum",
            r"Expects arg\[\d+\] to be",
            "padding is turned off",
            "Tensor concat operation failed",
            "tensor parsing error",
            r"Batching Run\(\) input tensors must have",
            "Batched output tensor's 0th dimension does not equal",  # Of no rows.
            "Exception deserializing request",  # Of gRPC, for bytes that are no message.
            "JSON Parse error: ",
            "JSON Value: .* Is not object",
            "JSON Value: .* has no values",
            "JSON Value: .* is not of expected type",
            "JSON Value: .* found at incorrect level",
            "JSON object: keys must be equal to",
            "inputs is a plain value/list, but expecting an object",
            "Missing 'inputs' or 'instances' key",
            "Missing named input: ",
            "Encountered list at unexpected (size|level)",
            "Unable to base64 decode",
        ]
    )
)


def run(server, valid, expected, num_requests, num_threads=4, seed=0):
    """Fuzzes a server.

    Args:
        server: What has `grpc_address` and `rest_address`, and serves the model `vae`.
        valid: Dict of signature name to a dict of valid inputs.
        expected: Dict of method name to (arguments, answer): what others ask meanwhile.
        num_requests: How many fuzzed requests.
        num_threads: How many threads send them.
        seed: Of the fuzz.

    Returns:
        A dict of counts that JSON can hold.
    """
    counts = collections.Counter()
    examples = {}
    is_over = threading.Event()
    lock = threading.Lock()

    def note(key, example):
        with lock:
            counts[key] += 1
            examples.setdefault(key, example)

    kinds = [*GRPC_KINDS, *REST_KINDS]
    with (
        concurrent.futures.ThreadPoolExecutor(num_threads) as fuzzers,
        concurrent.futures.ThreadPoolExecutor(3) as others,
    ):
        addresses = (server.grpc_address, server.rest_address)
        neighbours = [
            others.submit(_ask_validly, address, expected, is_over, note) for address in addresses
        ]
        neighbours.append(others.submit(_ask_raw, server.grpc_address, valid, is_over, note))
        try:
            shares = [range(first, num_requests, num_threads) for first in range(num_threads)]
            jobs = [
                fuzzers.submit(_send_share, server, valid, kinds, share, seed, note)
                for share in shares
            ]
            for job in jobs:
                job.result()
        finally:
            is_over.set()
        for neighbour in neighbours:
            neighbour.result()
    return _report(server, expected, num_requests, counts, examples)


def _send_share(server, valid, kinds, numbers, seed, note):
    with grpc.insecure_channel(server.grpc_address) as channel, requests.Session() as session:
        predict = channel.unary_unary(
            _PREDICT, lambda body: body, predict_pb2.PredictResponse.FromString
        )
        for number in numbers:
            rng = np.random.default_rng([seed, number])
            fuzzed = fuzz(kinds[number % len(kinds)], rng, valid)
            if fuzzed.is_rest:
                outcome, message = _send_rest(server, session, fuzzed)
            else:
                outcome, message = _send_grpc(predict, fuzzed)
            note(outcome, f"{fuzzed.kind} ({fuzzed.signature_name}): {message[:300]}")
            if outcome == "not named":
                note(f"not named: {fuzzed.kind}", message[:300])


def _send_grpc(predict, fuzzed):
    timeout = _DEADLINE_WITHOUT_ROWS if fuzzed.kind == "no rows" else _DEADLINE
    try:
        response = predict(fuzzed.body, timeout=timeout)
    except grpc.RpcError as error:
        code, message = error.code().name, error.details() or ""
        if code == "DEADLINE_EXCEEDED" and fuzzed.kind == "no rows":
            return "no rows, left waiting by the server", message
        return _judge(f"{code} {message}")
    errors = [error for error in response.outputs["error"].string_val if error]
    if errors:
        return _judge(errors[0].decode())
    if not all(np.isfinite(values).all() for values in _floats(response)):
        return "not named", "answered with values that are not finite"
    if fuzzed.must_fail:
        return "not named", "answered"
    return ("no rows, answered" if fuzzed.kind == "no rows" else "valid after all"), "answered"


def _floats(response):
    arrays = [tf.make_ndarray(output) for output in response.outputs.values()]
    return [values for values in arrays if values.dtype.kind == "f"]


def _send_rest(server, session, fuzzed):
    url = f"{server.rest_address}/v1/models/vae:predict"
    response = session.post(url, data=fuzzed.body, timeout=_DEADLINE)
    if response.status_code == 200:
        return "not named", f"answered: {response.text[:200]}"
    text = response.text.replace("\\", "")  # Quotes are escaped.
    return _judge(f"HTTP {response.status_code} {text}")


def _judge(message):
    if "The double crashed" in message or message.startswith("UNAVAILABLE"):
        return "crashes", message
    said = _NODES.sub("", message)
    is_named = _GRAPHS_OWN.search(said) or _SERVERS_OWN.search(said)
    return ("named" if is_named else "not named"), message


def _ask_validly(address, expected, is_over, note):
    """Valid calls through the client, all methods in turn."""
    with serving.Client(address, "vae", deadline=60) as client:
        while not is_over.is_set():
            for method, (arguments, answer) in expected.items():
                try:
                    received = getattr(client, method)(*arguments)
                except serving.ServingError as error:
                    note("valid calls failed", f"{method} at {address}: {error}")
                    continue
                is_right = _is_close(received, answer)
                note("valid calls right" if is_right else "valid calls wrong", method)
            time.sleep(0.01)


def _ask_raw(address, valid, is_over, note):
    """Valid requests by hand, without a client that repeats what a neighbour spoilt."""
    from tests.zoo.serving.fuzzed_requests import _serialized

    bodies = [_serialized(name, inputs) for name, inputs in valid.items()]
    with grpc.insecure_channel(address) as channel:
        predict = channel.unary_unary(
            _PREDICT, lambda body: body, predict_pb2.PredictResponse.FromString
        )
        while not is_over.is_set():
            for body in bodies:
                try:
                    predict(body, timeout=_DEADLINE)
                    note("valid raw requests answered", "")
                except grpc.RpcError as error:
                    note("valid raw requests failed", error.details())
            time.sleep(0.01)


def _is_close(received, expected):
    received = received if isinstance(received, tuple) else (received,)
    expected = expected if isinstance(expected, tuple) else (expected,)
    return all(
        np.shape(r) == np.shape(e) and np.abs(r - e).max() <= _TOLERANCE * max(np.abs(e).max(), 1)
        for r, e in zip(received, expected, strict=True)
    )


def _report(server, expected, num_requests, counts, examples):
    with serving.Client(server.grpc_address, "vae", deadline=60) as client:
        (method, (arguments, answer)), *_ = expected.items()
        is_well = _is_close(getattr(client, method)(*arguments), answer)
    outcomes = ["crashes", "not named", "named", "valid after all"]
    outcomes += ["no rows, answered", "no rows, left waiting by the server"]
    outcomes += [f"valid calls {outcome}" for outcome in ("right", "wrong", "failed")]
    outcomes += ["valid raw requests answered", "valid raw requests failed"]
    return {
        "fuzzed requests": num_requests,
        "well afterwards": is_well,
        "counts": {outcome: counts[outcome] for outcome in outcomes},
        "examples": {key: text for key, text in sorted(examples.items()) if text},
    }
