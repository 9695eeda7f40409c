"""What every likelihood over images is: parameters in, a distribution and its measures out."""

import keras
import tensorflow as tf

from zoo import registry
from zoo.configured import Configured

__all__ = ["Likelihood", "get_likelihood"]


class Likelihood(Configured, keras.layers.Layer):
    """Turns a decoder's output into a distribution over images `[B, H, W, C]` in [0, 1].

    A subclass defines `distribution(parameters)`, `log_prob_of_levels(distribution, images)` and
    `draw(distribution, uniforms)`. It treats all pixels alike and each by itself, so a model may
    also ask for the mean of pixels that do not lie in their places in an image: of parameters
    `[..., num_parameters(C)]`, with three or more axes before the last, `mean()` is `[..., C]`.
    It computes in float32 whatever the precision policy: sums over thousands of pixels need it.

    Attributes:
        parameters_per_channel: Numbers the decoder must give for each channel of each pixel.
        has_mean: Whether the distribution's mean is known in closed form.
        is_of_levels: Whether `draw` gives some of the 256 levels 0, 1/255, ..., 1, and `log_prob`
            is a probability of them and no density.
        couples_channels: Whether a pixel's channels depend on each other.
        is_trained_by_likelihood: Whether something of it, such as scales, learns from the
            distortion alone, so that an objective without a likelihood term (GECO) would never
            train it.

    Example:
        >>> import tensorflow_probability as tfp
        >>> @keras.saving.register_keras_serializable("mine")
        ... class Laplace(zoo.distributions.Likelihood):
        ...     def distribution(self, parameters):
        ...         pixels = tfp.distributions.Laplace(tf.sigmoid(parameters), scale=0.1)
        ...         return tfp.distributions.Independent(pixels, 3)
        ...     def log_prob_of_levels(self, distribution, images):
        ...         pixels, levels = distribution.distribution, tf.round(255.0 * images)
        ...         to = tf.where(levels == 255.0, 1.0, pixels.cdf((levels + 0.5) / 255.0))
        ...         since = tf.where(levels == 0.0, 0.0, pixels.cdf((levels - 0.5) / 255.0))
        ...         return tf.reduce_sum(tf.math.log(to - since), axis=(1, 2, 3))
        ...     def draw(self, distribution, uniforms):
        ...         return distribution.distribution.quantile(uniforms)
        >>> model = zoo.ConvVAE((28, 28, 1), likelihood=Laplace())
        >>> model.log_prob(images)  # nats, [B]
    """

    keras_arguments = ("name", "trainable", "dtype")
    parameters_per_channel = 1
    has_mean = True
    is_of_levels = False
    couples_channels = False
    is_trained_by_likelihood = False

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.built = True  # A weight of a subclass depends on no input's shape.

    def call(self, parameters):
        """Maps parameters `[B, H, W, num_parameters(C)]` to a TFP distribution."""
        return self.distribution(tf.cast(parameters, tf.float32))

    def at_scale(self, parameters, scale):
        """Like `call`, with a scale in pixel units, `[B, 1, 1, 1]`, instead of a running one."""
        return self(parameters)

    def num_parameters(self, channels):
        """Numbers that the decoder must give for each pixel of so many channels."""
        return self.parameters_per_channel * channels

    def num_uniforms(self, channels):
        """Uniform numbers from which `draw` draws a pixel of so many channels."""
        return channels

    def distribution(self, parameters):
        """Maps float32 parameters to a TFP distribution with event shape `[H, W, C]`."""
        raise NotImplementedError

    def log_prob_of_levels(self, distribution, images):
        """Log-probability, in nats `[B]`, of images on the 256 levels 0, 1/255, ..., 1."""
        raise NotImplementedError

    def draw(self, distribution, uniforms):
        """Draws images `[B, H, W, C]`, a function of the noise alone.

        Args:
            distribution: As in `distribution`.
            uniforms: Numbers uniform in (0, 1), `[B, H, W, num_uniforms(C)]`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how images are drawn.")

    def observe(self, squared_error):
        """Takes note of a training step's mean squared error, a scalar over the global batch."""

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {"": cls}


def get_likelihood(identifier):
    """Returns a likelihood of that name, or the `Likelihood` itself if it is one.

    Raises:
        UnknownName: No likelihood has that name; a ValueError.

    Example:
        >>> likelihood = zoo.distributions.get_likelihood("continuous_bernoulli")
        >>> likelihood(tf.zeros([2, 28, 28, 1])).mean()  # [2, 28, 28, 1], of logits 0 all 0.5
    """
    if isinstance(identifier, Likelihood):
        return identifier
    return registry.find("likelihood", identifier)()
