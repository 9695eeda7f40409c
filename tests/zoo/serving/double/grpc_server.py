"""The double's gRPC port, on the protos of `tensorflow-serving-api`."""

import concurrent.futures
import logging
import math

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.zoo.serving.double.refusal import Refusal

__all__ = ["start_grpc"]

_MOST_VALUES = 1 << 27
_FIELDS = {"float32": "float_val", "int32": "int_val", "int64": "int64_val", "bool": "bool_val"}


# It would print a traceback for every message that cannot be read.
logging.getLogger("grpc._common").setLevel(logging.CRITICAL)


def start_grpc(double, max_threads, answers_as, tls):
    """Starts the server on a free port; gives it and the port."""
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(max_threads, thread_name_prefix="double-grpc"),
        maximum_concurrent_rpcs=max_threads,
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Prediction(double, answers_as), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(double), server)
    if tls is None:
        port = server.add_insecure_port("localhost:0")
    else:
        with open(tls.key, "rb") as key, open(tls.certificate, "rb") as certificate:
            credentials = grpc.ssl_server_credentials([(key.read(), certificate.read())])
        port = server.add_secure_port("localhost:0", credentials)
    server.start()
    return server, port


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, double, answers_as):
        self._double = double
        self._answers_as = answers_as

    def Predict(self, request, context):
        double, spec = self._double, request.model_spec
        double.headers.append(dict(context.invocation_metadata()))
        try:
            double.before_predict()
            model = double.available_model(spec.name, _version(spec), spec.version_label)
            inputs = {name: _as_array(name, proto) for name, proto in request.inputs.items()}
            left = context.time_remaining()
            timeout = math.inf if left is None else left
            outputs = model.answer(spec.signature_name, inputs, timeout)
        except Refusal as refusal:
            context.abort(grpc.StatusCode[refusal.code], refusal.message)
        response = predict_pb2.PredictResponse()
        for name, values in outputs.items():
            response.outputs[name].CopyFrom(_as_proto(values, self._answers_as))
        return response

    def GetModelMetadata(self, request, context):
        spec = request.model_spec
        self._double.headers.append(dict(context.invocation_metadata()))
        try:
            model = self._double.available_model(spec.name, _version(spec), spec.version_label)
        except Refusal as refusal:
            context.abort(grpc.StatusCode[refusal.code], refusal.message)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in model.signature_defs.items():
            signatures.signature_def[name].CopyFrom(signature)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(signatures)
        return response


class _Model(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, double):
        self._double = double

    def GetModelStatus(self, request, context):
        spec = request.model_spec
        try:
            model = self._double.model(spec.name, _version(spec))  # Whatever the label.
        except Refusal as refusal:
            absent = f"Could not find any versions of model {spec.name}"
            message = absent if refusal.code == "NOT_FOUND" else refusal.message
            context.abort(grpc.StatusCode[refusal.code], message)
        response = get_model_status_pb2.GetModelStatusResponse()
        state = get_model_status_pb2.ModelVersionStatus.State.Value(self._double.state)
        entry = response.model_version_status.add(version=model.version, state=state)
        entry.status.error_message = self._double.state_message
        return response


def _version(spec):
    return spec.version.value if spec.HasField("version") else None


def _as_array(name, proto):
    try:
        shape = [dim.size for dim in proto.tensor_shape.dim]
        if any(size < 0 for size in shape) or math.prod(shape) > _MOST_VALUES:
            raise ValueError(f"shape {shape}")
        return tf.make_ndarray(proto)
    except Exception as error:
        raise Refusal("INVALID_ARGUMENT", f"tensor parsing error: {name}") from error


def _as_proto(values, answers_as):
    if values.dtype == object or answers_as == "content":
        return tf.make_tensor_proto(values)
    dtype = tf.as_dtype(values.dtype)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for size in values.shape:
        proto.tensor_shape.dim.add(size=size)
    getattr(proto, _FIELDS[dtype.name]).extend(np.ravel(values))
    return proto
