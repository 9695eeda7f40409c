"""Images of which a mask shows some pixels: the hidden ones have no influence."""

import tensorflow as tf

__all__ = ["SeenPixels"]

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
