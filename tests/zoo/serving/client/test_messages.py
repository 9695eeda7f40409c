"""The client's own messages are, on the wire, those of TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from zoo.serving.client import tensor_messages
from zoo.serving.messages import message_class

ARRAYS = [
    np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4),
    np.array([1.5, np.nan, -np.inf], np.float32),
    np.arange(6, dtype=np.int32).reshape(3, 2) - 3,
    np.array([2**40, -1]),
    np.array([0.1, 0.2]),
    np.array([True, False]),
    np.zeros([0, 3], np.float32),
]


@pytest.mark.parametrize("values", ARRAYS, ids=lambda values: values.dtype.name)
def test_messages_are_those_of_tensorflow(values):
    message = message_class("Tensor")()
    tensor_messages.fill(message, values)
    theirs = tensor_pb2.TensorProto.FromString(message.SerializeToString())
    np.testing.assert_array_equal(tf.make_ndarray(theirs), values)
    # Back: what TensorFlow writes as bytes, and value by value.
    np.testing.assert_array_equal(_read(tf.make_tensor_proto(values)), values)
    assert _read(tf.make_tensor_proto(values)).dtype == values.dtype
    theirs.ClearField("tensor_content")
    field = {"f": "float_val", "i": "int_val", "b": "bool_val"}[values.dtype.kind]
    field = {"float64": "double_val", "int64": "int64_val"}.get(values.dtype.name, field)
    getattr(theirs, field).extend(values.ravel().tolist())
    np.testing.assert_array_equal(_read(theirs), values)


def test_messages_of_strings():
    values = np.array([b"", b"\x89PNG\xff", b"text"], object)
    message = message_class("Tensor")()
    tensor_messages.fill(message, values)
    theirs = tensor_pb2.TensorProto.FromString(message.SerializeToString())
    np.testing.assert_array_equal(tf.make_ndarray(theirs), values)
    np.testing.assert_array_equal(_read(theirs), values)


def test_messages_that_repeat_their_last_value():
    theirs = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum, float_val=[1.0, 2.0])
    theirs.tensor_shape.dim.add(size=4)
    np.testing.assert_array_equal(_read(theirs), [1.0, 2.0, 2.0, 2.0])


def test_messages_that_cannot_be_read():
    for dtype, message in [(tf.complex64, "type 8 of TensorFlow"), (tf.float32, "with 0 values")]:
        theirs = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
        theirs.tensor_shape.dim.add(size=4)
        with pytest.raises(ValueError, match=message):
            _read(theirs)


def _read(theirs):
    return tensor_messages.read(message_class("Tensor").FromString(theirs.SerializeToString()))
