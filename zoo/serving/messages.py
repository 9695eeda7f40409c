"""The messages of TensorFlow Serving that clients, warm-ups and servers read, declared by hand.

Only numbers and types of fields are on the wire, so the few that are used stand here with the
numbers of tensorflow_serving/{apis,config}/*.proto and tensorflow/core/framework/*.proto. This
spares an export the package `tensorflow-serving-api`, and a client the import of all of TensorFlow.
An enumeration has the wire format of an int32.

One type differs on purpose. The server writes floats as `repeated float float_val`, which is
packed: little-endian float32, one after the other. Declared as bytes they are read by NumPy as they
stand, where Python would make an object of every number.
"""

import functools

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["message_class"]

_PACKAGE = "vae_zoo.serving"
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _FIELD.TYPE_BOOL,
    "bytes": _FIELD.TYPE_BYTES,
    "double": _FIELD.TYPE_DOUBLE,
    "int32": _FIELD.TYPE_INT32,
    "int64": _FIELD.TYPE_INT64,
    "string": _FIELD.TYPE_STRING,
}
# Field name to (number, type); `repeated X` is a list of X, `map X` a map from strings to X.
_MESSAGES = {
    "Int64Value": {"value": (1, "int64")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    "ModelSpec": {
        "name": (1, "string"),
        "version": (2, "Int64Value"),
        "signature_name": (3, "string"),
        "version_label": (4, "string"),
    },
    "Dim": {"size": (1, "int64")},
    "TensorShape": {"dim": (2, "repeated Dim"), "unknown_rank": (3, "bool")},
    "Tensor": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "TensorShape"),
        "tensor_content": (4, "bytes"),
        "float_val": (5, "repeated bytes"),
        "double_val": (6, "repeated double"),
        "int_val": (7, "repeated int32"),
        "string_val": (8, "repeated bytes"),
        "int64_val": (10, "repeated int64"),
        "bool_val": (11, "repeated bool"),
    },
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "map Tensor")},
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
    "PredictResponse": {"outputs": (1, "map Tensor"), "model_spec": (2, "ModelSpec")},
    "TensorInfo": {"dtype": (2, "int32"), "tensor_shape": (3, "TensorShape")},
    "SignatureDef": {"inputs": (1, "map TensorInfo"), "outputs": (2, "map TensorInfo")},
    "SignatureDefMap": {"signature_def": (1, "map SignatureDef")},
    "GetModelMetadataRequest": {
        "model_spec": (1, "ModelSpec"),
        "metadata_field": (2, "repeated string"),
    },
    "GetModelMetadataResponse": {"model_spec": (1, "ModelSpec"), "metadata": (2, "map Any")},
    "GetModelStatusRequest": {"model_spec": (1, "ModelSpec")},
    "StatusProto": {"error_code": (1, "int32"), "error_message": (2, "string")},
    "ModelVersionStatus": {
        "version": (1, "int64"),
        "state": (2, "int32"),
        "status": (3, "StatusProto"),
    },
    "GetModelStatusResponse": {"model_version_status": (1, "repeated ModelVersionStatus")},
    "ModelServerConfig": {"model_config_list": (1, "ModelConfigList")},
    "ModelConfigList": {"config": (1, "repeated ModelConfig")},
    "ModelConfig": {
        "name": (1, "string"),
        "base_path": (2, "string"),
        "model_platform": (4, "string"),
        "model_version_policy": (7, "VersionPolicy"),
        "version_labels": (8, "map int64"),
    },
    "VersionPolicy": {"latest": (100, "Latest"), "specific": (102, "Specific")},
    "Latest": {"num_versions": (1, "int64")},
    "Specific": {"versions": (1, "repeated int64")},
}


@functools.cache
def message_class(name):
    """Returns the class of a message, such as `PredictRequest`."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@functools.cache
def _pool():
    file = descriptor_pb2.FileDescriptorProto(
        name="vae_zoo/serving.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, (number, type_name) in fields.items():
            _add_field(message, field_name, number, type_name)
    # A pool of its own, so that the real messages may be loaded in the same process.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _add_field(message, name, number, type_name):
    kind, _, element = type_name.rpartition(" ")
    if kind == "map":  # On the wire, a repeated message of key and value.
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _add_field(entry, "key", 1, "string")
        _add_field(entry, "value", 2, element)
        element = f"{message.name}.{entry.name}"
    label = _FIELD.LABEL_REPEATED if kind else _FIELD.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if element in _SCALARS:
        field.type = _SCALARS[element]
    else:
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.{element}"
