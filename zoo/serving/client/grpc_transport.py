"""Talks gRPC with TensorFlow Serving, with `grpcio` alone."""

from zoo.serving.client.failures import UNREADABLE, Failure
from zoo.serving.client.served_signature import ServedSignature, TensorSpec
from zoo.serving.client.tensor_messages import fill, read, type_name

try:
    import grpc
    from google.protobuf.message import DecodeError

    from zoo.serving.messages import message_class
except ImportError as error:
    raise ImportError(
        "zoo.serving.Client needs packages for gRPC: pip install grpcio protobuf"
    ) from error

__all__ = ["GrpcTransport"]

_STATES = {10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
_METADATA_FIELD = "signature_def"
_OPTIONS = [
    # A batch of large images is more than the 4 MB that gRPC takes by default.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # The client repeats by itself, for it knows what is safe to.
    ("grpc.enable_retries", 0),
    # A server that restarts should be found again within seconds, not minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


class GrpcTransport:
    """One channel to one model; threads may share it.

    Args:
        address: "host:port".
        model: Name of the model.
        version: Number of a version, or None.
        label: Label of a version, or None.
        tls: A `Tls`, or None for a connection in the clear.
        headers: Dict of metadata that each call carries.
    """

    def __init__(self, address, model, version, label, tls, headers):
        self._spec = {"name": model}
        if version is not None:
            self._spec["version"] = {"value": version}
        if label is not None:
            self._spec["version_label"] = label
        self._is_closed = False
        self._metadata = [(name.lower(), value) for name, value in headers.items()]
        if tls is None:
            self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        else:
            certificates = (tls.root_certificates, tls.client_key, tls.client_certificate)
            credentials = grpc.ssl_channel_credentials(*map(_contents, certificates))
            self._channel = grpc.secure_channel(address, credentials, options=_OPTIONS)
        self._predict = self._method("PredictionService", "Predict", "PredictResponse")
        self._get_metadata = self._method(
            "PredictionService", "GetModelMetadata", "GetModelMetadataResponse"
        )
        self._get_status = self._method("ModelService", "GetModelStatus", "GetModelStatusResponse")

    def predict(self, signature_name, inputs, signature, timeout):
        """Sends one request.

        Args:
            signature_name: Name of the signature.
            inputs: Dict of input name to array.
            signature: The `ServedSignature` of that name.
            timeout: Seconds.

        Returns:
            Dict of output name to array.

        Raises:
            Failure: It was not answered.
        """
        del signature  # These messages carry their types and shapes with them.
        request = message_class("PredictRequest")(model_spec=self._spec)
        request.model_spec.signature_name = signature_name
        for name, values in inputs.items():
            fill(request.inputs[name], values)
        outputs = self._call(self._predict, request, timeout).outputs
        try:
            return {name: read(outputs[name]) for name in outputs}
        except ValueError as error:
            raise Failure("INTERNAL", f"{UNREADABLE}. {error}") from error

    def signatures(self, timeout):
        """Asks for the model's signatures, a dict of name to `ServedSignature`.

        Raises:
            Failure: It was not answered.
        """
        request = message_class("GetModelMetadataRequest")(
            model_spec=self._spec, metadata_field=[_METADATA_FIELD]
        )
        response = self._call(self._get_metadata, request, timeout)
        packed = response.metadata[_METADATA_FIELD].value
        try:
            signatures = message_class("SignatureDefMap").FromString(packed).signature_def
        except DecodeError as error:
            said = "the answer is not one of TensorFlow Serving: it has no readable signatures"
            raise Failure("INTERNAL", said) from error
        return {
            name: ServedSignature(_specs(signature.inputs), _specs(signature.outputs))
            for name, signature in signatures.items()
        }

    def versions(self, timeout):
        """Asks for the state of the model's versions.

        Returns:
            A list of (version, name of its state, error message or "").

        Raises:
            Failure: It was not answered.
        """
        request = message_class("GetModelStatusRequest")(model_spec=self._spec)
        response = self._call(self._get_status, request, timeout)
        return [
            (entry.version, _STATES.get(entry.state, "UNKNOWN"), entry.status.error_message)
            for entry in response.model_version_status
        ]

    def close(self):
        """Closes the channel; calls in flight fail."""
        self._is_closed = True
        self._channel.close()

    def _method(self, service, method, response):
        return self._channel.unary_unary(
            f"/tensorflow.serving.{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_class(response).FromString,
        )

    def _call(self, method, request, timeout):
        try:
            return method(request, timeout=timeout, metadata=self._metadata)
        except (grpc.RpcError, ValueError) as error:
            if self._is_closed:  # A channel that is closed says so by ValueError.
                raise Failure("CANCELLED", "the client was closed") from error
            if isinstance(error, ValueError):
                raise
            raise Failure(error.code().name, error.details() or "") from error


def _contents(path):
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def _specs(infos):
    return {name: TensorSpec(type_name(info.dtype), _shape(info)) for name, info in infos.items()}


def _shape(info):
    if info.tensor_shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
