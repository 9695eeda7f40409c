"""The arguments of a latent-variable model's methods: checked, and made what its graphs take."""

import numpy as np
import tensorflow as tf

from zoo import checks, random
from zoo.base import inputs

__all__ = ["Arguments", "as_floats", "as_noise", "as_row_seeds", "check_num"]


class Arguments:
    """Reads the arguments of a model that has `image_shape` and `context_shape`.

    `_check_...` looks at what is known in Python, where an error can be one line, and `_as_...`
    also at the values, inside of the graph.
    """

    def _check_batch(self, images, context):
        images = inputs.check_images(images, self.image_shape)
        return images, self._check_context(context, images.shape[0])

    def _check_context(self, context, num_rows=None):
        if self.context_shape is None:
            if context is not None:
                raise ValueError(
                    f"{type(self).__name__} was made without context_shape, so it takes no context."
                )
            return None
        if context is None:
            raise ValueError(
                "This model is conditional: pass context=, or in `fit` and `evaluate` batches with "
                f"`context`, of shape [batch, {', '.join(map(str, self.context_shape))}]."
            )
        context = inputs.check_images(context, self.context_shape, "context")
        inputs.check_rows(context, num_rows)
        return context

    def _check_prior(self, num, temperature, context):
        check_num("num", num, 0)
        num = None if num is None else tf.get_static_value(num)
        temperature = tf.convert_to_tensor(temperature)
        if temperature.shape.rank != 0 and not temperature.shape.is_compatible_with([num]):
            raise ValueError(
                f"temperature must be a number, or one for each of the {num} rows. Received: an "
                f"array of shape {tuple(temperature.shape)}"
            )
        return temperature, self._check_context(context, num)

    def _check_latents(self, latents):
        if not isinstance(latents, tuple | list):
            raise ValueError(
                "latents must be a tuple of tensors, one a group of latents, as encode() and "
                f"sample_prior() return it. Received: a {type(latents).__name__}"
            )
        return tuple(map(tf.convert_to_tensor, latents))

    def _check_drawn(self, latents, context):
        latents = self._check_latents(latents)
        return latents, self._check_context(context, latents[0].shape[0] if latents else None)

    def _as_seed(self, seed):
        """A seed as a tensor; None and noise of `zoo.random` as they are."""
        return seed if seed is None or hasattr(seed, "normal") else random.as_seed(seed)

    def _as_images(self, images):
        return inputs.as_images(images, self.image_shape)

    def _as_context(self, context):
        if context is None and self.context_shape is None:
            return None
        return inputs.as_images(self._check_context(context), self.context_shape, "context")


def check_num(name, value, least):
    """Raises ValueError if a number that is known is not an int of at least so much."""
    if not isinstance(value, tf.Tensor) and value is not None:
        checks.integer(name, int(value) if isinstance(value, np.integer) else value, least)


def as_row_seeds(seeds):
    """Returns the seeds of rows as a tensor, int32 `[N, 2]`; raises ValueError for others."""
    seeds = tf.convert_to_tensor(seeds)
    if seeds.dtype != tf.int32 or not seeds.shape.is_compatible_with([None, 2]):
        raise ValueError(
            "seeds must be int32 of shape [rows, 2], one seed a row. Received: shape "
            f"{tuple(seeds.shape)} and type {seeds.dtype.name}"
        )
    return seeds


def as_noise(seed, images):
    """Returns the noise of a seed for the rows of images; noise as it is, and no noise for None."""
    num_rows = tf.shape(images)[0]
    if seed is None:
        return random.MeanNoise(num_rows)
    if hasattr(seed, "normal"):
        return seed
    return random.RowNoise(random.row_seeds(seed, num_rows))


def as_floats(latents):
    """Returns a tuple of groups of latents as float32."""
    return tuple(tf.cast(group, tf.float32) for group in latents)
