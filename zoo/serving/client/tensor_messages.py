"""NumPy arrays as messages of TensorFlow Serving and back, without TensorFlow."""

import numpy as np

__all__ = ["fill", "read", "type_name"]

# TensorFlow's number of a type to its name and to NumPy's type; little-endian, as on the wire.
_TYPES = {
    1: ("float32", "<f4"),
    2: ("float64", "<f8"),
    3: ("int32", "<i4"),
    7: ("string", "O"),
    9: ("int64", "<i8"),
    10: ("bool", "?"),
}
_NUMBERS = {np.dtype(dtype): number for number, (_, dtype) in _TYPES.items()}
_VALUES = {
    2: "double_val",
    3: "int_val",
    7: "string_val",
    9: "int64_val",
    10: "bool_val",
}


def type_name(number):
    """Returns the name of TensorFlow's type of that number, such as `float32`."""
    return _TYPES[number][0] if number in _TYPES else f"type {number} of TensorFlow"


def fill(message, values):
    """Writes an array into an empty `Tensor` message; strings are arrays of bytes objects."""
    message.dtype = _NUMBERS[values.dtype]
    for size in values.shape:
        message.tensor_shape.dim.add(size=size)
    if values.dtype == object:
        message.string_val.extend(values.ravel())
    else:
        message.tensor_content = values.tobytes()


def read(message):
    """Returns a `Tensor` message as an array that may be written to.

    Raises:
        ValueError: It holds a type or a form that no model of the zoo answers with.
    """
    if message.dtype not in _TYPES:
        raise ValueError(f"A tensor of {type_name(message.dtype)} cannot be read.")
    shape = tuple(dim.size for dim in message.tensor_shape.dim)
    dtype = np.dtype(_TYPES[message.dtype][1])
    if message.tensor_content and dtype.hasobject:
        raise ValueError("A tensor of strings has its values in tensor_content.")
    values = _values(message, dtype)
    count = int(np.prod(shape))
    if values.size < count and values.size:
        # TensorFlow may leave out what only repeats the last value.
        values = np.concatenate([values, np.repeat(values[-1:], count - values.size)])
    if values.size != count:
        raise ValueError(f"A tensor of shape {list(shape)} came with {values.size} values.")
    return values.reshape(shape)


def _values(message, dtype):
    if message.tensor_content:
        # What NumPy reads from bytes is read-only; a user's image should not be.
        return np.frombuffer(message.tensor_content, dtype).copy()
    if message.dtype == 1:
        return np.frombuffer(b"".join(message.float_val), dtype).copy()
    return np.array(getattr(message, _VALUES[message.dtype]), dtype)
