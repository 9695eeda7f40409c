"""Warm-up requests: what TensorFlow Serving runs before a new version answers its first request.

They stand in `assets.extra/tf_serving_warmup_requests`, an uncompressed TFRecord of at most 1000
`PredictionLog` messages. One that fails makes the version fail to load, so an export runs its own.
"""

import os

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import tensor_pb2

from zoo.serving import encoded_images
from zoo.serving.manifest import EXTRA_ASSETS
from zoo.serving.messages import message_class

__all__ = ["example_requests", "most_rows", "read", "write"]

_FILE = "tf_serving_warmup_requests"


def example_requests(model, signatures):
    """Makes two requests for each signature, of one row and of two rows.

    Returns:
        A list of (signature name, dict of input name to array).
    """
    rng = np.random.default_rng(0)
    requests = []
    for num_rows in (1, 2):
        inputs = {
            "image": rng.random((num_rows, *model.image_shape), np.float32),
            "seed": np.stack([np.zeros(num_rows), np.arange(num_rows)], 1).astype(np.int32),
            "temperature": np.ones(num_rows, np.float32),
        }
        inputs["mask"] = np.ones((num_rows, *model.image_shape[:2]), np.float32)
        inputs["mask"][:, model.image_shape[0] // 2 :] = 0.0
        if getattr(model, "tolerances", None) is not None:
            inputs["tolerance"] = np.full(num_rows, model.tolerances.middle, np.float32)
        if encoded_images.can_encode(model.image_shape):
            inputs["image_bytes"] = encoded_images.encode(inputs["image"]).numpy()
        if model.context_shape is not None:
            inputs["context"] = rng.random((num_rows, *model.context_shape), np.float32)
        if "encode" in signatures:
            latents = signatures["encode"].answer(
                {name: tf.constant(inputs[name]) for name in signatures["encode"].inputs}
            )
            inputs |= {name: group.numpy() for name, group in latents.items()}
        requests += [
            (name, {key: inputs[key] for key in signature.inputs})
            for name, signature in signatures.items()
        ]
    return [("serving_default", requests[0][1]), *requests]


def write(requests, path):
    """Writes warm-up requests into the SavedModel at `path`.

    Args:
        requests: As in `example_requests`.
        path: Folder of the SavedModel.
    """
    folder = os.path.join(path, EXTRA_ASSETS)
    os.makedirs(folder, exist_ok=True)
    with tf.io.TFRecordWriter(os.path.join(folder, _FILE)) as writer:
        for signature_name, inputs in requests:
            log = message_class("PredictionLog")()
            request = log.predict_log.request
            request.model_spec.signature_name = signature_name
            for name, values in inputs.items():
                tensor = tf.make_tensor_proto(values).SerializeToString()
                request.inputs[name].ParseFromString(tensor)
            writer.write(log.SerializeToString(deterministic=True))


def read(path):
    """Reads the warm-up requests of the SavedModel at `path`.

    Returns:
        As `example_requests` gives.

    Raises:
        ValueError: A record is not a `PredictionLog` with tensors.
        tf.errors.DataLossError: The file is not a TFRecord.
    """
    file = os.path.join(path, EXTRA_ASSETS, _FILE)
    requests = []
    for index, record in enumerate(tf.data.TFRecordDataset([file]).as_numpy_iterator()):
        try:
            request = message_class("PredictionLog").FromString(record).predict_log.request
            tensors = {
                name: tf.make_ndarray(tensor_pb2.TensorProto.FromString(values.SerializeToString()))
                for name, values in request.inputs.items()
            }
        except (DecodeError, TypeError, ValueError) as error:
            raise ValueError(f"Warm-up record {index} of {file} cannot be read: {error}") from error
        requests.append((request.model_spec.signature_name or "serving_default", tensors))
    return requests


def most_rows(path):
    """Returns the number of rows of the largest warm-up request of the SavedModel at `path`.

    A server whose largest batch has fewer does not load the version. 0 without warm-up requests.
    """
    if not os.path.exists(os.path.join(path, EXTRA_ASSETS, _FILE)):
        return 0
    sizes = [len(values) for _, inputs in read(path) for values in inputs.values()]
    return max(sizes, default=0)
