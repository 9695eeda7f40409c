"""Talks REST with TensorFlow Serving: JSON in the column format, one array for each input."""

import base64
import concurrent.futures
import contextlib
import json
import re
import threading
from urllib.parse import quote

import numpy as np

from zoo.serving.client.failures import UNREADABLE, Failure
from zoo.serving.client.served_signature import ServedSignature, TensorSpec

try:
    import requests
except ImportError as error:
    raise ImportError(
        "zoo.serving.Client needs a package for REST: pip install requests"
    ) from error

__all__ = ["RestTransport"]

_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_FINAL = (  # What a repetition cannot help.
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidURL,
    requests.exceptions.SSLError,
)
_QUEUED_TOO_LONG = "timeout exceeded while waiting in batching queue"
_MOST_CONNECTIONS = 64  # Kept open between requests.
_MOST_QUOTED = 200  # Characters of an answer that a message repeats.
_ERROR = re.compile(r'"error"\s*:\s*"(.*)"', re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_TYPES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_BOOL": "bool", "DT_STRING": "string"}


class RestTransport:
    """Connections to one model; threads may share it.

    Args:
        address: "http://host:port" or "https://host:port", perhaps with a path.
        model: Name of the model.
        version: Number of a version, or None.
        label: Label of a version, or None.
        tls: A `Tls`, or None for what the system trusts.
        headers: Dict of HTTP headers that each request carries.
    """

    def __init__(self, address, model, version, label, tls, headers):
        self._url = f"{address.rstrip('/')}/v1/models/{quote(model, safe='')}"
        if version is not None:
            self._url += f"/versions/{version}"
        if label is not None:
            self._url += f"/labels/{quote(label, safe='')}"
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=_MOST_CONNECTIONS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._session.headers.update(headers)
        # Given with each request, for the session's own gives way to the environment's.
        self._verify = (tls and tls.root_certificates) or True
        if tls is not None and tls.client_certificate is not None:
            self._session.cert = (tls.client_certificate, tls.client_key)

    def predict(self, signature_name, inputs, signature, timeout):
        """Sends one request; see `GrpcTransport.predict`."""
        body = {
            "signature_name": signature_name,
            "inputs": {name: _as_json(values) for name, values in inputs.items()},
        }
        outputs = self._ask("outputs", "POST", ":predict", timeout, json.dumps(body))
        if len(signature.outputs) == 1:  # Then the server leaves the name out.
            outputs = {next(iter(signature.outputs)): outputs}
        with _reading(outputs):
            return {
                name: _as_array(outputs[name], spec) for name, spec in signature.outputs.items()
            }

    def signatures(self, timeout):
        """Asks for the model's signatures; see `GrpcTransport.signatures`."""
        metadata = self._ask("metadata", "GET", "/metadata", timeout)
        with _reading(metadata):
            return {
                name: ServedSignature(
                    _specs(entry.get("inputs", {})), _specs(entry.get("outputs", {}))
                )
                for name, entry in metadata["signature_def"]["signature_def"].items()
            }

    def versions(self, timeout):
        """Asks for the state of the model's versions; see `GrpcTransport.versions`."""
        entries = self._ask("model_version_status", "GET", "", timeout)
        with _reading(entries):
            return [
                (int(entry["version"]), entry["state"], entry["status"]["error_message"])
                for entry in entries
            ]

    def close(self):
        """Closes the connections."""
        self._session.close()

    def _ask(self, key, method, path, timeout, body=None):
        """Returns what stands under the key in the answer."""

        def send():
            return self._session.request(
                method,
                self._url + path,
                data=body,
                headers={} if body is None else {"Content-Type": "application/json"},
                timeout=timeout,
                verify=self._verify,
            )

        try:
            response = _within(timeout, send)
        except (TimeoutError, requests.Timeout) as error:
            raise Failure("DEADLINE_EXCEEDED", f"no answer in {timeout:.1f} s") from error
        except requests.RequestException as error:
            raise Failure("UNAVAILABLE", str(error), isinstance(error, _FINAL)) from error
        if response.status_code != 200:
            code = _CODES.get(response.status_code, f"HTTP {response.status_code}")
            message = _error_message(response)
            is_late = code == "DEADLINE_EXCEEDED" or _QUEUED_TOO_LONG in message
            raise Failure(code, message, is_servers_limit=is_late)
        with _reading(response.content[:_MOST_QUOTED].decode("utf-8", "replace")):
            return response.json()[key]


def _within(timeout, function):
    """Calls a function; raises TimeoutError when it takes longer.

    What `requests` calls a timeout is one for each read: a server that sends a byte now and then
    never meets it, and nor does looking up a name. So the call has a thread, which is left to
    itself when the time is up.
    """
    future = concurrent.futures.Future()

    def work():
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="vae-zoo-rest", daemon=True).start()
    return future.result(timeout)


@contextlib.contextmanager
def _reading(answer):
    """Raises `Failure` for whatever goes wrong when an answer has another form than expected."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        said = f"{UNREADABLE}, it is not one of TensorFlow Serving: {str(answer)[:_MOST_QUOTED]}"
        raise Failure("INTERNAL", f"{said} ({error!r})") from error


def _error_message(response):
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        # The server escapes quotes as C does, which JSON does not allow.
        found = _ERROR.search(response.text)
        text = found.group(1) if found else response.text or response.reason
        return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), text)


def _as_json(values):
    if values.dtype == object:
        return [{"b64": base64.b64encode(value).decode()} for value in values]
    return values.tolist()


def _as_array(values, spec):
    if spec.dtype == "string":
        return np.array([_as_bytes(value) for value in values], object)
    return np.array(values, spec.dtype)


def _as_bytes(value):
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()


def _specs(entries):
    return {
        name: TensorSpec(_type_name(entry["dtype"]), _shape(entry["tensor_shape"]))
        for name, entry in entries.items()
    }


def _type_name(dtype):
    return _TYPES.get(dtype, dtype.removeprefix("DT_").lower())


def _shape(entry):
    if entry.get("unknown_rank"):
        return None
    sizes = [int(dim["size"]) for dim in entry.get("dim", [])]
    return tuple(None if size < 0 else size for size in sizes)
