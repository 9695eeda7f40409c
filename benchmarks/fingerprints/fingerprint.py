"""Fingerprints of arrays, variables and numbers, and how far two lie apart."""

import base64
import contextlib
import hashlib

import keras
import numpy as np
import tensorflow as tf

MAX_VALUES = 64  # Of an array that the file keeps beside its hash, to size a difference.
NOT_PINNED = ("seconds", "training_seconds", "images_per_second", "machine", "made_with", "recipe")


def fingerprint(value):
    """Returns the SHA-256 of an array's bytes, its shape, and some values to size a difference."""
    array = np.ascontiguousarray(keras.ops.convert_to_numpy(value))
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()
    if array.dtype == object:  # Words.
        return {"sha256": hashlib.sha256(repr(array.tolist()).encode()).hexdigest()}
    chosen = array.reshape(-1)[:: max(1, array.size // MAX_VALUES)][:MAX_VALUES]
    values = base64.b64encode(chosen.astype("<f4").tobytes()).decode()
    return {"sha256": digest, "shape": list(array.shape), "values": values}


def of_variables(path):
    """One fingerprint of all floats of a SavedModel's variables, whatever their names and order."""
    reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    arrays = [
        reader.get_tensor(name)
        for name, dtype in reader.get_variable_to_dtype_map().items()
        if dtype.is_floating
    ]
    arrays = sorted(arrays, key=lambda array: (array.shape, array.tobytes()))
    return fingerprint(np.concatenate([array.reshape(-1) for array in arrays]))


def of_numbers(values):
    """One fingerprint a number or list of numbers in nested dicts, but for `NOT_PINNED`."""
    found = {}
    for key, value in values.items():
        if isinstance(value, dict) and key not in NOT_PINNED:
            found |= {f"{key} {rest}": number for rest, number in of_numbers(value).items()}
        elif key not in NOT_PINNED:
            with contextlib.suppress(TypeError, ValueError):  # Words.
                found[key] = fingerprint(np.asarray(value, np.float64))
    return found


def compare(before, after):
    """Returns the largest difference over the largest magnitude: 0 only for equal bits."""
    if before["sha256"] == after["sha256"]:
        return 0.0
    if "values" not in before or before.get("shape") != after.get("shape"):
        return np.inf
    a, b = (
        np.frombuffer(base64.b64decode(one["values"]), "<f4").astype(np.float64)
        for one in (before, after)
    )
    difference = np.abs(a - b).max() / max(np.abs(a).max(), 1e-30)
    return max(difference, np.finfo(np.float32).tiny)  # Equal where looked at, but not everywhere.
