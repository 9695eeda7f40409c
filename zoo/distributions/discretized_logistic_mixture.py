"""Mixtures of discretised logistics over the 256 levels of a pixel, its channels coupled."""

import tensorflow as tf
import tensorflow_probability as tfp

from zoo import checks, papers, registry
from zoo.distributions.likelihood import Likelihood

__all__ = ["DiscretizedLogisticMixture", "LogisticMixtureImage"]

# As PixelCNN++, it counts in units where pixels lie in [-1, 1]: a level owns 1/255 on either side.
_HALF_BIN = 1.0 / 255.0
_LEAST_LOG_SCALE = -7.0


@registry.register("likelihood", package="zoo")
class DiscretizedLogisticMixture(Likelihood):
    """Pixels on 256 levels, each a mixture of logistic distributions cut into bins.

    PixelCNN++ (Salimans et al. 2017, Section 2.1). In each of K components the mean of a channel is
    linear in the values of the pixel's earlier channels, so that with one choice of component a
    pixel's colour is drawn channel by channel; any number of channels is so modelled. The levels
    0 and 1 own all that lies beyond them. Log-probabilities are of levels, never of densities.

    It can end any architecture. Its scales learn from the distortion alone, so GECO, which has no
    likelihood term, refuses it.

    Args:
        num_components: K, at least 1; PixelVAE's authors use 8.

    Raises:
        ValueError: `num_components` is not an int of at least 1.

    Example:
        >>> likelihood = zoo.distributions.DiscretizedLogisticMixture(num_components=8)
        >>> zoo.PixelVAE((28, 28, 1), likelihood=likelihood)
    """

    citations = (papers.PIXEL_CNN_PP,)
    is_of_levels = True
    couples_channels = True
    is_trained_by_likelihood = True

    def __init__(self, num_components=8, **kwargs):
        super().__init__(**kwargs)
        self.num_components = checks.integer("num_components", num_components)

    def num_parameters(self, channels):
        """K weights, and for each channel K means, K scales and K weights of each earlier one."""
        return self.num_components * (1 + 2 * channels + channels * (channels - 1) // 2)

    def num_uniforms(self, channels):
        """One for the component, and one a channel."""
        return 1 + channels

    def distribution(self, parameters):
        """Maps parameters `[B, H, W, num_parameters(C)]` to a `LogisticMixtureImage`."""
        return LogisticMixtureImage(parameters, self.num_components)

    def log_prob_of_levels(self, distribution, images):
        """Nats `[B]`: as `log_prob`, which is of levels already."""
        return distribution.log_prob(images)

    def draw(self, distribution, uniforms):
        """Draws levels `[B, H, W, C]` by inverse distribution functions."""
        return distribution.draw(uniforms)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {"": lambda: cls(num_components=2)}


class LogisticMixtureImage(tfp.distributions.Distribution):
    """Independent pixels `[H, W]`, each a mixture of discretised logistics over its channels.

    Args:
        parameters: Float32 `[B, H, W, K (1 + 2C + C(C-1)/2)]`.
        num_components: K.
    """

    def __init__(self, parameters, num_components, name="LogisticMixtureImage"):
        arguments = {"parameters": parameters, "num_components": num_components}
        self._channels = _num_channels(parameters.shape[-1] // num_components)
        channels, pairs = self._channels, self._channels * (self._channels - 1) // 2
        sizes = [1, channels, channels, pairs]
        parts = tf.split(parameters, [num_components * size for size in sizes], axis=-1)
        self._image_shape = (*parameters.shape[1:3], channels)
        self._log_weights = tf.nn.log_softmax(parts[0])
        self._means = tf.split(parts[1], channels, axis=-1)
        # Smoothly kept above the floor, so that its gradient never vanishes.
        log_scales = _LEAST_LOG_SCALE + tf.nn.softplus(parts[2] - _LEAST_LOG_SCALE)
        self._log_scales = tf.split(log_scales, channels, axis=-1)
        self._couplings = tf.split(tf.tanh(parts[3]), pairs, axis=-1) if pairs else []
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfp.distributions.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=arguments,
            name=name,
        )

    def draw(self, uniforms):
        """Draws images from numbers uniform in (0, 1): levels in pixel units.

        Args:
            uniforms: `[..., B, H, W, 1 + C]`: the first chooses the component, the others the
                channels' values.

        Returns:
            float32 `[..., B, H, W, C]`.
        """
        cumulative = tf.cumsum(tf.exp(self._log_weights), axis=-1)[..., :-1]
        chosen = tf.reduce_sum(tf.cast(uniforms[..., :1] > cumulative, tf.int32), axis=-1)
        chosen = tf.one_hot(chosen, self._log_weights.shape[-1])
        values = []
        for channel in range(self._channels):
            mean = tf.reduce_sum(chosen * self._conditional_means(channel, values), axis=-1)
            scale = tf.exp(tf.reduce_sum(chosen * self._log_scales[channel], axis=-1))
            uniform = uniforms[..., 1 + channel]
            value = mean + scale * (tf.math.log(uniform) - tf.math.log1p(-uniform))
            # A level is drawn with its own probability if a logistic draw goes to the nearest.
            values.append(_to_signed(_nearest_level((value + 1.0) / 2.0))[..., None])
        return (tf.concat(values, axis=-1) + 1.0) / 2.0

    def _log_prob(self, images):
        pixels = tf.split(_to_signed(_nearest_level(images)), self._channels, axis=-1)
        log_components = self._log_weights
        for channel, pixel in enumerate(pixels):
            mean = self._conditional_means(channel, pixels)
            log_components += _log_mass(pixel, mean, self._log_scales[channel])
        return tf.reduce_sum(tf.reduce_logsumexp(log_components, axis=-1), axis=(-2, -1))

    def _mean(self):
        """Means in pixel units, exact but for the two open ends of an earlier channel."""
        weights, means, clipped = tf.exp(self._log_weights), [], []
        for channel in range(self._channels):
            mean = self._conditional_means(channel, means)
            means.append(mean)
            clipped.append(_clipped_mean(mean, tf.exp(self._log_scales[channel])))
        return tf.stack([tf.reduce_sum(weights * mean, axis=-1) for mean in clipped], axis=-1)

    def _conditional_means(self, channel, values):
        """Means of a channel, `[..., K]`, given the values, `[..., 1 or K]`, of those before it."""
        mean = self._means[channel]
        first = channel * (channel - 1) // 2
        for earlier in range(channel):
            mean += self._couplings[first + earlier] * values[earlier]
        return mean

    def _sample_n(self, n, seed=None):
        seed = tfp.random.sanitize_seed(seed)
        shape = [n, *tf.unstack(tf.shape(self._log_weights)[:-1]), 1 + self._channels]
        # Away from 0, whose logit is infinite.
        return self.draw(tf.random.stateless_uniform(shape, seed, minval=1e-7))

    def _batch_shape(self):
        return self._log_weights.shape[:1]

    def _batch_shape_tensor(self):
        return tf.shape(self._log_weights)[:1]

    def _event_shape(self):
        return tf.TensorShape(self._image_shape)

    def _event_shape_tensor(self):
        return tf.constant(self._image_shape)


def _num_channels(numbers):
    """Finds C from 1 + 2C + C(C-1)/2, the parameters of a component."""
    channels = 1
    while 1 + 2 * channels + channels * (channels - 1) // 2 < numbers:
        channels += 1
    return channels


def _nearest_level(pixels):
    return tf.round(255.0 * tf.clip_by_value(pixels, 0.0, 1.0)) / 255.0


def _to_signed(pixels):
    return 2.0 * pixels - 1.0


def _log_mass(value, mean, log_scale):
    """Log of the logistic's mass in the bin of a level in [-1, 1], finite however far it lies.

    With b and a the bin's ends in units of the scale, σ(b) - σ(a) = σ(b) σ(-a) (1 - exp(a - b)):
    three factors whose logarithms neither overflow nor cancel.
    """
    inverse_scale = tf.exp(-log_scale)
    below = tf.math.log_sigmoid(inverse_scale * (value - mean + _HALF_BIN))
    above = tf.math.log_sigmoid(inverse_scale * (mean - value + _HALF_BIN))
    width = tf.math.log(-tf.math.expm1(-2.0 * _HALF_BIN * inverse_scale))
    is_first, is_last = value < -1.0 + _HALF_BIN, value > 1.0 - _HALF_BIN
    return (
        tf.where(is_last, 0.0, below)
        + tf.where(is_first, 0.0, above)
        + tf.where(is_first | is_last, 0.0, width)
    )


def _clipped_mean(mean, scale):
    """Mean in pixel units of a logistic of [-1, 1] units whose ends are drawn in: ∫ P(X > t) dt."""
    upper = tf.nn.softplus((mean + 1.0) / scale)
    return scale * (upper - tf.nn.softplus((mean - 1.0) / scale)) / 2.0
