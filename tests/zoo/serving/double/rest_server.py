"""The double's REST port."""

import http.server
import json
import re
import ssl
import threading

from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from tests.zoo.serving.double import json_tensors
from tests.zoo.serving.double.refusal import Refusal

__all__ = ["start_rest"]

_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<rest>:predict|/metadata|)"
)
_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


def start_rest(double, tls):
    """Starts the server on a free port; gives it and the port."""

    class Handler(_Handler):
        pass

    Handler.double = double
    server = _Server(("localhost", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, name="double-rest", daemon=True).start()
    return server, server.server_address[1]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Keeps quiet of clients that went away."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Which keeps connections open.
    double = None

    def do_GET(self):
        self._respond("GET")

    def do_POST(self):
        self._respond("POST")

    def log_message(self, *arguments):
        """Keeps tests quiet."""

    def _respond(self, method):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.double.headers.append(dict(self.headers))
        try:
            status, answer = 200, json.dumps(self._answer(method, body))
        except Refusal as refusal:
            status = _STATUSES.get(refusal.code, 500)
            # As a server does, which escapes as C does and not as JSON does.
            answer = f'{{ "error": "{_c_escaped(refusal.message)}" }}'
        data = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, method, body):
        found = _PATH.fullmatch(self.path)
        if not found or (method == "POST") != (found["rest"] == ":predict"):
            raise Refusal("INVALID_ARGUMENT", f"Malformed request: {method} {self.path}")
        spec = (found["name"], found["version"] and int(found["version"]), found["label"])
        if found["rest"] == ":predict":
            return self._predict(spec, body)
        if found["rest"] == "/metadata":
            return _metadata(found["name"], self.double.available_model(*spec))
        return _status(self.double, self.double.model(*spec[:2]))  # Whatever the label.

    def _predict(self, spec, body):
        timeout = self.double.rest_timeout
        self.double.before_predict(timeout)
        model = self.double.available_model(*spec)
        request = json_tensors.parse(body)
        name = request.get("signature_name", "serving_default")
        if name not in model.signature_defs:
            message = f'Serving signature name: "{name}" not found in signature def'
            raise Refusal("INVALID_ARGUMENT", message)
        inputs, is_columns = json_tensors.read(request, model.signature_defs[name].inputs)
        return json_tensors.write(model.answer(name, inputs, timeout), is_columns)


def _metadata(name, model):
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for key, signature in model.signature_defs.items():
        signatures.signature_def[key].CopyFrom(signature)
    as_dict = json_format.MessageToDict(
        signatures, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(model.version)},
        "metadata": {"signature_def": as_dict},
    }


def _status(double, model):
    status = {"error_code": "OK", "error_message": double.state_message}
    entry = {"version": str(model.version), "state": double.state, "status": status}
    return {"model_version_status": [entry]}


def _c_escaped(text):
    escapes = {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "'": r"\'", "\\": r"\\"}
    return "".join(escapes.get(character, character) for character in text)
