"""What tells whether a code was made with this model."""

import dataclasses
import hashlib
import json

import keras
import numpy as np

__all__ = ["fingerprint_of"]

_VERSION = 1  # Part of the format.


def fingerprint_of(model, layout):
    """Returns eight bytes of all that decides what a code decodes to.

    Args:
        model: A `zoo.LatentImageModel`.
        layout: The `Layout` of the bits, or another word for how they are made.
    """
    facts = [
        *(_VERSION, model.compute_dtype, _as_facts(layout)),
        *(model.image_shape, model.context_shape, model.tolerance_range),
        *(type(model).__name__, keras.saving.serialize_keras_object(model.likelihood)),
    ]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for weight in model.weights:
        digest.update(str(tuple(weight.shape)).encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.digest()[:8]


def _as_facts(layout):
    return layout if isinstance(layout, str) else dataclasses.astuple(layout)
