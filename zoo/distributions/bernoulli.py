"""Likelihoods of pixels in {0, 1} and in [0, 1]: Bernoulli and continuous Bernoulli."""

import tensorflow as tf
import tensorflow_probability as tfp

from zoo import papers, registry
from zoo.distributions.likelihood import Likelihood

__all__ = ["Bernoulli", "ContinuousBernoulli"]


@registry.register("likelihood", package="zoo")
class Bernoulli(Likelihood):
    """Independent binary pixels.

    A distribution only over images whose pixels are 0 or 1. For grey pixels its `log_prob` is the
    cross-entropy, which many papers train on but which is no likelihood: `ContinuousBernoulli` is.

    Example:
        >>> zoo.ConvVAE((28, 28, 1), likelihood="bernoulli")
        >>> zoo.PixelVAE((28, 28, 1), likelihood=zoo.distributions.Bernoulli())
    """

    is_of_levels = True

    def distribution(self, parameters):
        """Maps logits `[B, H, W, C]` to independent Bernoullis of event shape `[H, W, C]`."""
        bernoulli = tfp.distributions.Bernoulli(logits=parameters, dtype=tf.float32)
        return tfp.distributions.Independent(bernoulli, 3)

    def log_prob_of_levels(self, distribution, images):
        """Nats `[B]`; -inf for an image with a grey pixel, which a Bernoulli never gives."""
        is_binary = tf.reduce_all((images == 0.0) | (images == 1.0), axis=(1, 2, 3))
        return tf.where(is_binary, distribution.log_prob(images), -float("inf"))

    def draw(self, distribution, uniforms):
        """Draws images `[B, H, W, C]` of zeros and ones."""
        return tf.cast(uniforms < distribution.distribution.probs_parameter(), tf.float32)


@registry.register("likelihood", package="zoo")
class ContinuousBernoulli(Likelihood):
    """Independent pixels in [0, 1] with density proportional to exp(η x), η the logit.

    Loaiza-Ganem & Cunningham 2019, "The continuous Bernoulli".

    Example:
        >>> zoo.ConvVAE((28, 28, 1), likelihood="continuous_bernoulli")
    """

    citations = (papers.CONTINUOUS_BERNOULLI,)

    def distribution(self, parameters):
        """Maps logits `[B, H, W, C]` to a distribution of event shape `[H, W, C]`."""
        continuous = tfp.distributions.ContinuousBernoulli(logits=parameters)
        return tfp.distributions.Independent(continuous, 3)

    def log_prob_of_levels(self, distribution, images):
        """Nats `[B]` of the nearest of 256 levels; each level owns the pixels nearest to it.

        The density is exponential, so its integral over a bin of width w about its middle m is
        exactly p(m) · sinh(ηw/2)/(η/2). The bins of levels 0 and 255 are half as wide.
        """
        pixels = distribution.distribution
        level = tf.round(255.0 * images)
        low = tf.maximum(level - 0.5, 0.0) / 255.0
        high = tf.minimum(level + 0.5, 255.0) / 255.0
        middle, width = (low + high) / 2.0, high - low
        log_mass = pixels.log_prob(middle) + tf.math.log(width)
        log_mass += _log_sinh_ratio(pixels.logits_parameter() * width / 2.0)
        return tf.reduce_sum(log_mass, axis=(1, 2, 3))

    def draw(self, distribution, uniforms):
        """Draws images `[B, H, W, C]` by the inverse of the distribution function."""
        return distribution.distribution.quantile(uniforms)


def _log_sinh_ratio(x):
    """Computes log(sinh(x) / x), which is even and 0 at 0, without overflow."""
    x = tf.abs(x)
    is_small = x < 0.1
    # Both branches of `where` are differentiated: keep the unused one away from 0 / 0.
    large = tf.where(is_small, 1.0, x)
    series = x**2 / 6.0 - x**4 / 180.0
    direct = large + tf.math.log1p(-tf.exp(-2.0 * large)) - tf.math.log(2.0 * large)
    return tf.where(is_small, series, direct)
