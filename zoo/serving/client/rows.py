"""Rows of a request's arrays: how many, how to take them apart, how to join the answers."""

import math

import numpy as np

__all__ = ["fill_up", "join", "most_rows", "no_rows", "num_rows", "split"]

_MOST_BYTES = 64 << 20  # Of one request: far below gRPC's 2 GB, far above what a request costs.
_BYTES_OF_A_VALUE = 4


def num_rows(arrays):
    """Returns N for a dict of arrays of N rows."""
    return len(next(iter(arrays.values())))


def most_rows(signature, inputs):
    """Returns the number of rows, at least 1, that keep a request and its answer small enough."""
    received = sum(_output_bytes(spec) for spec in signature.outputs.values())
    sent = sum(_row_bytes(values) for values in inputs.values())
    return max(1, _MOST_BYTES // max(1, sent, received))


def split(arrays, size):
    """Returns parts of at most `size` rows: a list of (first row, dict of arrays)."""
    return [
        (first, {name: values[first : first + size] for name, values in arrays.items()})
        for first in range(0, num_rows(arrays), size)
    ]


def fill_up(arrays, size):
    """Returns at least `size` rows, the last one repeated."""
    missing = max(0, size - num_rows(arrays))
    return {
        name: np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
        for name, values in arrays.items()
    }


def join(parts):
    """Puts a list of dicts of arrays together again."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def no_rows(signature):
    """Returns the answer of a signature to no rows: a dict of empty arrays."""
    return {
        name: np.zeros([0, *(size or 0 for size in spec.row_shape)], _numpy_type(spec.dtype))
        for name, spec in signature.outputs.items()
        if name != "error"
    }


def _numpy_type(dtype):
    return object if dtype == "string" else dtype


def _row_bytes(values):
    if values.dtype == object:
        return max(len(value) for value in values)
    return values.nbytes // len(values)


def _output_bytes(spec):
    return _BYTES_OF_A_VALUE * math.prod(size or 1 for size in spec.row_shape)
