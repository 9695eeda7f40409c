"""Images of which a mask shows some pixels: the hidden ones have no influence."""

import numpy as np
import tensorflow as tf

from zoo.errors import MARK, BatchError

__all__ = ["SeenPixels", "as_mask"]

_BLANK = 0.5  # In the place of hidden pixels.


class SeenPixels:
    """p(x|z) of the pixels that are seen, of a likelihood that takes each pixel by itself.

    Args:
        likelihood: A function from parameters to p(x|z) of all pixels.
        parameters: Float32 `[B, H, W, ...]`.
        mask: Float32 `[B, H, W]`, 1 where a pixel is seen, 0 where it is hidden.
    """

    def __init__(self, likelihood, parameters, mask):
        self._likelihood = likelihood
        self._parameters = parameters
        self._mask = mask

    def log_prob(self, images):
        """Log-density of the seen pixels in nats, `[B]`."""
        blank = self._likelihood(tf.zeros_like(self._parameters))
        share = 1.0 - tf.reduce_mean(self._mask, axis=(1, 2))
        # Pixels are treated alike: each hidden one has this density, whatever image and z are.
        hidden = share * blank.log_prob(tf.fill(tf.shape(images), _BLANK))
        return self.log_prob_and_constant(images) - hidden

    def log_prob_and_constant(self, images):
        """As `log_prob`, but for what neither the image nor z moves: less to compute."""
        is_seen = self._mask[..., None] > 0.5
        parameters = tf.where(is_seen, self._parameters, tf.zeros_like(self._parameters))
        return self._likelihood(parameters).log_prob(tf.where(is_seen, images, _BLANK))

    def mean(self):
        """Means of all pixels, the hidden ones too, `[B, H, W, C]` in pixel units."""
        return self._likelihood(self._parameters).mean()


def as_mask(mask, images):
    """Returns a mask of one or of all images as float32 `[B, H, W]`, 1 where seen, 0 where hidden.

    Args:
        mask: `[H, W]` or `[B, H, W]`, numbers or truth values; above a half is seen.
        images: `[B, H, W, C]`.

    Raises:
        BatchError: It is not such a mask, or an image has no pixel that is seen.
    """
    mask = tf.convert_to_tensor(mask)
    if not (mask.dtype.is_floating or mask.dtype.is_integer or mask.dtype.is_bool):
        raise BatchError(f"mask must be of numbers, 1 where seen. Received: {mask.dtype.name}")
    mask = tf.cast(mask, tf.float32)
    rows, sizes = images.shape[0], tuple(images.shape[1:3])
    if not any(mask.shape.is_compatible_with(shape) for shape in (sizes, (rows, *sizes))):
        raise BatchError(
            f"mask must be [height, width], {list(sizes)} here, or one an image; 1 is a pixel "
            f"that is seen. Received: shape {tuple(mask.shape)}"
        )
    if tf.get_static_value(tf.reduce_any(tf.math.is_nan(mask))):
        raise BatchError("mask must be 1 where seen, 0 where hidden. Received: NaN among them")
    mask = tf.cast(mask > 0.5, tf.float32)
    with tf.control_dependencies(_check_something_seen(mask)):
        return tf.broadcast_to(mask, [tf.shape(images)[0], *sizes])


def _check_something_seen(mask):
    """Raises BatchError for an image without a seen pixel; where that is traced, at run time."""
    has_seen = tf.reduce_any(mask > 0.5, axis=(-2, -1))
    known = tf.get_static_value(has_seen)
    if known is None:
        said = f"{MARK} {_nothing_seen_in('an image')}"
        return [tf.debugging.Assert(tf.reduce_all(has_seen), [said])]
    if not np.all(known):
        which = "every image" if np.ndim(known) == 0 else f"image {np.argmin(known)}"
        raise BatchError(_nothing_seen_in(which))
    return []


def _nothing_seen_in(which):
    return f"mask hides every pixel of {which}: mark those that are seen by 1, or call sample."
