"""From standard normal numbers to images: what sender and receiver both do."""

import numpy as np
import tensorflow as tf

__all__ = ["Decoder"]

_BATCH = 64  # Fixed, for other sizes may round otherwise.


class _Given:
    """Stands for noise of `zoo.random`: the numbers are given, not drawn."""

    def __init__(self, numbers):
        self._numbers = numbers

    def normal(self, row_shape, stream=0):
        return tf.reshape(self._numbers, [-1, *row_shape])


class Decoder:
    """Decodes what a model's prior would have made of given noise.

    Args:
        model: A `zoo.LatentImageModel` whose images have means.
        tolerance: κ, the input of a model with a range of tolerances; else None.
    """

    def __init__(self, model, tolerance):
        self._model, self._tolerance = model, tolerance
        self.num_latents = int(sum(np.prod(shape) for shape in model._latent_shapes))
        self._means = tf.function(self._make_means, autograph=False)

    def _make_means(self, numbers, context):
        given = self._model._given(self._tolerance, _BATCH)
        _, parameters = self._model._generate(_Given(numbers), tf.ones([_BATCH]), context, **given)
        return self._model._likelihood(parameters).mean()

    def __call__(self, numbers, context=None):
        """Returns images, uint8 `[N, H, W, C]`, for float32 `[N, num_latents]`."""
        parts = [
            self._decode_batch(numbers[start : start + _BATCH], _rows(context, start))
            for start in range(0, len(numbers), _BATCH)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, *self._model.image_shape), np.uint8)

    def _decode_batch(self, numbers, context):
        num = len(numbers)
        means = self._means(_padded(numbers), None if context is None else _padded(context))
        levels = np.round(255.0 * np.clip(means.numpy(), 0.0, 1.0))
        return levels[:num].astype(np.uint8)


def _rows(context, start):
    return None if context is None else context[start : start + _BATCH]


def _padded(rows):
    rows = np.asarray(rows, np.float32)
    missing = _BATCH - len(rows)
    return tf.constant(np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]))
