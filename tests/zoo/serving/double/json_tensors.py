"""JSON to arrays and back by the rules of TensorFlow Serving's REST API."""

import base64
import binascii
import json

import numpy as np
import tensorflow as tf

from tests.zoo.serving.double.refusal import Refusal

__all__ = ["parse", "read", "write"]


def parse(body):
    """Returns a request's body as a dict."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal("INVALID_ARGUMENT", f"JSON Parse error: Invalid value. {error}") from error
    if not isinstance(request, dict):
        raise Refusal("INVALID_ARGUMENT", f"JSON Value: {str(request)[:50]} Is not object")
    return request


def read(request, infos):
    """Returns the inputs of a request as arrays, and whether it has the column format.

    Args:
        request: As in `parse`.
        infos: The signature's inputs, a map of name to `TensorInfo`.
    """
    dtypes = {name: tf.as_dtype(info.dtype) for name, info in infos.items()}
    if "inputs" in request:
        return _read_columns(request["inputs"], dtypes), True
    instances = request.get("instances")
    if not instances or not isinstance(instances, list):
        raise Refusal("INVALID_ARGUMENT", "Missing 'inputs' or 'instances' key, or no values")
    return _read_instances(instances, dtypes), False


def write(outputs, is_columns):
    """Returns the answer as JSON can hold it; one output alone goes without its name."""
    lists = {name: _as_lists(name, values) for name, values in outputs.items()}
    if is_columns:
        return {"outputs": lists if len(lists) > 1 else next(iter(lists.values()))}
    if len(lists) == 1:
        return {"predictions": next(iter(lists.values()))}
    rows = zip(*lists.values(), strict=True)
    return {"predictions": [dict(zip(lists, row, strict=True)) for row in rows]}


def _read_columns(columns, dtypes):
    if not isinstance(columns, dict) or set(columns) == {"b64"}:
        if len(dtypes) > 1:
            raise Refusal(
                "INVALID_ARGUMENT",
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map",
            )
        columns = {next(iter(dtypes)): columns}
    arrays = {}
    for name, dtype in dtypes.items():
        if name not in columns:
            message = f"Missing named input: {name} in 'inputs' object."
            raise Refusal("INVALID_ARGUMENT", message)
        arrays[name] = _as_array(columns[name], dtype)
    return arrays


def _read_instances(instances, dtypes):
    rows = []
    for index, instance in enumerate(instances):
        if not isinstance(instance, dict) or set(instance) == {"b64"}:
            instance = {next(iter(dtypes)): instance}
        where = f"Failed to process element: {index} of 'instances' list."
        if set(instance) != set(dtypes):
            keys = ",".join(sorted(dtypes))
            raise Refusal("INVALID_ARGUMENT", f"{where} JSON object: keys must be equal to: {keys}")
        try:
            row = {name: _as_array(instance[name], dtype) for name, dtype in dtypes.items()}
        except Refusal as refusal:
            message = f"{where} Error: INVALID_ARGUMENT: {refusal.message}"
            raise Refusal("INVALID_ARGUMENT", message) from refusal
        if rows and any(row[name].shape != rows[0][name].shape for name in dtypes):
            raise Refusal("INVALID_ARGUMENT", f"{where} Error: Expecting another shape")
        rows.append(row)
    return {name: np.stack([row[name] for row in rows]) for name in dtypes}


def _as_array(value, dtype):
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        if not first:
            raise Refusal("INVALID_ARGUMENT", "JSON Value: [] has no values")
        first = first[0]
    flat = []
    _flatten(value, shape, 0, dtype, flat)
    numpy_type = object if dtype == tf.string else dtype.as_numpy_dtype
    array = np.empty(len(flat), numpy_type)
    array[:] = flat
    return array.reshape(shape)


def _flatten(value, shape, level, dtype, flat):
    if not isinstance(value, list):
        if level != len(shape):
            raise Refusal(
                "INVALID_ARGUMENT",
                f"JSON Value: {str(value)[:50]} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {len(shape)}",
            )
        flat.append(_as_scalar(value, dtype))
        return
    if level >= len(shape):
        message = f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        raise Refusal("INVALID_ARGUMENT", message)
    if len(value) != shape[level]:
        raise Refusal(
            "INVALID_ARGUMENT",
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: "
            f"{shape[level]}",
        )
    for element in value:
        _flatten(element, shape, level + 1, dtype, flat)


def _as_scalar(value, dtype):
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if dtype == tf.string and isinstance(value, dict) and set(value) == {"b64"}:
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise Refusal("INVALID_ARGUMENT", "Unable to base64 decode") from error
    if dtype == tf.string and isinstance(value, str):
        return value.encode()
    if dtype.is_floating and is_number:
        return _as_float(value, dtype)
    if dtype.is_integer and type(value) is int and dtype.min <= value <= dtype.max:
        return value
    raise Refusal(
        "INVALID_ARGUMENT",
        f"JSON Value: {str(value)[:50]} Type: {type(value).__name__} is not of expected type: "
        f"{dtype.name}",
    )


def _as_float(value, dtype):
    if np.isfinite(value) and abs(value) > dtype.max:
        raise Refusal(
            "INVALID_ARGUMENT",
            f"Cannot convert JSON value: {value} to {dtype.name} without loss of precision.",
        )
    return value


def _as_lists(name, values):
    if values.dtype != object:
        return values.tolist()
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(value).decode()} for value in values]
    return [value.decode() for value in values]
