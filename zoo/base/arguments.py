"""The arguments of models' methods: checked, and made what their graphs take."""

import numpy as np
import tensorflow as tf

from zoo import checks, random
from zoo.base import inputs
from zoo.errors import BatchError

__all__ = ["Arguments", "as_floats", "as_noise", "as_row_seeds", "check_num"]

_MOST_TOLD = 4  # Groups of latents in a message.


class Arguments:
    """Reads the arguments of a model that has `image_shape`, `context_shape` and `tolerance_range`.

    `_check_...` looks at what is known in Python, where an error can be one line, and `_as_...`
    also at the values, inside of the graph.
    """

    context_shape = None
    tolerance_range = None
    tolerances = None  # The `zoo.tolerance_range.ToleranceRange` of a model with a range.
    _least_num = 0  # Of images to draw; TensorFlow has no convolution of one axis over none.
    takes_mask = False  # Whether images may have hidden pixels.
    _latent_shapes = None  # Of a row of each group of latents; None: they are not looked at.

    def _check_batch(self, images, context):
        images = inputs.check_images(images, self.image_shape)
        return images, self._check_context(context, images.shape[0])

    def _check_context(self, context, num_rows=None):
        if self.context_shape is None:
            if context is not None:
                raise BatchError(
                    f"{type(self).__name__} was made without context_shape, so it takes no context."
                )
            return None
        if context is None:
            raise BatchError(
                "This model is conditional: pass context=, or in `fit` and `evaluate` batches with "
                f"`context`, of shape [batch, {', '.join(map(str, self.context_shape))}]."
            )
        context = inputs.check_images(context, self.context_shape, "context")
        inputs.check_rows(context, num_rows)
        return context

    def _check_prior(self, num, temperature, context=None):
        check_num("num", num, self._least_num)
        num = tf.get_static_value(num)
        return self._check_temperature(temperature, num), self._check_context(context, num)

    def _check_temperature(self, temperature, num):
        """Returns a temperature as a tensor: one for all rows, or for each of `num`, or None."""
        values = _as_values(temperature)
        if not _are_for_rows(values, num):
            raise BatchError(
                f"temperature must be a number, or one for each {_rows(num)}. Received: "
                f"{_described(temperature, values)}"
            )
        known = tf.get_static_value(values)
        if known is not None and not np.all(np.isfinite(known) & (known >= 0)):
            raise BatchError(
                "temperature must be finite and at least 0. Received values from "
                f"{np.min(known):g} to {np.max(known):g}"
            )
        return values

    def _check_tolerance(self, tolerance, num_rows=None, training=False):
        """Returns tolerances as a tensor, one a row if their number is known; None without a range.

        A tolerance of None is the range's middle. Training has a wider range.
        """
        if self.tolerances is None:
            if tolerance is not None:
                raise BatchError(
                    f"This {type(self).__name__} was made without tolerance_range, so it takes no "
                    "tolerance: it has that of its training."
                )
            return None
        tolerance = self.tolerances.middle if tolerance is None else tolerance
        values = _as_values(tolerance)
        num_rows = None if num_rows is None else tf.get_static_value(num_rows)
        allowed = self.tolerances.trained if training else self.tolerances
        are_for_rows = _are_for_rows(values, num_rows)
        known = tf.get_static_value(values) if are_for_rows else None
        if not are_for_rows or (known is not None and not np.all(allowed.contains(known))):
            received = _described(tolerance, values)
            if known is not None and known.size:
                ends = dict.fromkeys([known.min(), known.max()])
                received = " to ".join(f"{end:g}" for end in ends)
            raise BatchError(
                f"tolerance must be a number from {self.tolerances}, the tolerance_range of this "
                f"{type(self).__name__}, or one for each {_rows(num_rows)}. Received: {received}"
            )
        return values if num_rows is None else tf.broadcast_to(values, [num_rows])

    def _check_latents(self, latents, context=None, num_rows=None):
        """Returns latents as a tuple of tensors, and the context."""
        shapes = self._latent_shapes
        wanted = "a tuple of tensors"
        if shapes is not None:
            sizes = ", ".join(f"[batch, {', '.join(map(str, shape))}]" for shape in shapes)
            wanted = f"a tuple of {len(shapes)}: {sizes}"
        wanted = f"latents must be {wanted}, as encode() and sample_prior() return it. Received: "
        if not isinstance(latents, tuple | list):
            is_bare = hasattr(latents, "shape") and len(shapes or ()) == 1
            received = "one array; pass (latents,)" if is_bare else f"a {type(latents).__name__}"
            raise BatchError(f"{wanted}{received}")
        latents = [tf.convert_to_tensor(group) for group in latents]
        kinds = [f"{tuple(group.shape)} of {group.dtype.name}" for group in latents[:_MOST_TOLD]]
        if len(latents) > _MOST_TOLD:
            kinds.append(f"{len(latents) - _MOST_TOLD} more")
        rows = {group.shape[0] for group in latents if group.shape.rank} | {num_rows}
        are_numbers = all(group.dtype.is_floating or group.dtype.is_integer for group in latents)
        if not latents or not are_numbers or len(rows - {None}) > 1 or not _are_of(shapes, latents):
            of_images = f" for {num_rows} images" if num_rows is not None else ""
            raise BatchError(f"{wanted}{', '.join(kinds) or 'none'}{of_images}")
        return tuple(latents), self._check_context(context, latents[0].shape[0])

    def _as_seed(self, seed):
        """A seed as a tensor; None and noise of `zoo.random` as they are."""
        return seed if seed is None or hasattr(seed, "normal") else random.as_seed(seed)

    def _as_images(self, images):
        with inputs.plain_errors():  # For those who call it outside of a graph.
            return inputs.as_images(images, self.image_shape)

    def _as_context(self, context):
        if context is None and self.context_shape is None:
            return None
        with inputs.plain_errors():
            return inputs.as_images(self._check_context(context), self.context_shape, "context")


def _as_values(value):
    """Returns numbers as a float32 tensor, or None for what is none."""
    try:
        return tf.cast(tf.convert_to_tensor(value), tf.float32)
    except (TypeError, ValueError, tf.errors.OpError):
        return None


def _are_for_rows(values, num_rows):
    """Whether there is one value for all rows or one for each; how many may not be known, None."""
    if values is None:
        return False
    return values.shape.rank == 0 or values.shape.is_compatible_with([num_rows])


def _described(value, values):
    """Says what was received, and what `_as_values` made of it."""
    if values is None:
        return f"a {type(value).__name__}"
    return f"an array of shape {tuple(values.shape)}"


def _rows(num_rows):
    return "row" if num_rows is None else f"of the {num_rows} rows"


def _are_of(shapes, latents):
    """Whether tensors have the shapes of the latents' groups, as far as these are known."""
    if shapes is None:
        return True
    return len(shapes) == len(latents) and all(
        group.shape.is_compatible_with([None, *shape])
        for group, shape in zip(latents, shapes, strict=True)
    )


def check_num(name, value, least):
    """Raises ValueError if a number that is known is not an int of at least so much."""
    if not isinstance(value, tf.Tensor):
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
