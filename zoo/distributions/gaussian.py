"""The Gaussian likelihood, with a scale that is fixed, learned or running."""

import tensorflow as tf
import tensorflow_probability as tfp

from zoo import checks, registry
from zoo.distributions.likelihood import Likelihood
from zoo.errors import SettingError

__all__ = ["Gaussian"]

_MEANS = {"sigmoid": tf.sigmoid, "linear": tf.identity}
# A model that reconstructs exactly would drive the scale to 0 and its density to infinity.
_LEAST_SCALE = 1e-4


@registry.register("likelihood", package="zoo")
class Gaussian(Likelihood):
    """Independent normal pixels with one scale for all.

    Args:
        scale: `"running"` (default): the maximum-likelihood scale σ*, the square root of a moving
            average of the training batches' mean squared error (Taming VAEs, Appendix D); it works
            under every objective. `"learned"`: a weight, trained by the ELBO. A number: that
            scale, in pixel units, for good.
        mean: How the decoder's output becomes the mean: `"sigmoid"` (in (0, 1)) or `"linear"`.
        decay: Decay a step of the running scale's moving average.

    Raises:
        ValueError: `scale`, `mean` or `decay` is not one of these.

    Example:
        >>> likelihood = zoo.distributions.Gaussian(scale=0.1, mean="linear")  # in pixel units
        >>> zoo.ConvVAE((28, 28, 1), likelihood=likelihood)
    """

    def __init__(self, scale="running", mean="sigmoid", decay=0.99, **kwargs):
        super().__init__(**kwargs)
        is_fixed = checks.is_number(scale) and scale > 0
        if scale not in ("running", "learned") and not is_fixed:
            expected = "'running', 'learned' or a positive number in pixel units"
            raise SettingError("scale", expected, scale)
        checks.choice("mean", mean, sorted(_MEANS))
        checks.number("decay", decay, least=0, below=1)
        self._scale = scale
        self.mean = mean
        self.decay = decay
        self.is_trained_by_likelihood = scale == "learned"
        self._build_scale()

    def _build_scale(self):
        """Makes the scale's weights; they need no input shape, so they are there from the start."""
        if self._scale == "learned":
            self.log_scale = self.add_weight(name="log_scale", shape=(), initializer="zeros")
        elif self._scale == "running":
            state = {"shape": (), "trainable": False, "aggregation": "mean"}
            self.mean_squared_error = self.add_weight(
                name="mean_squared_error", initializer="ones", **state
            )
            self.is_observed = self.add_weight(name="is_observed", initializer="zeros", **state)
        self.built = True

    @property
    def scale(self):
        """The scale in pixel units, a float32 scalar."""
        if self._scale == "learned":
            return tf.maximum(tf.exp(tf.convert_to_tensor(self.log_scale)), _LEAST_SCALE)
        if self._scale == "running":
            mean_squared_error = tf.convert_to_tensor(self.mean_squared_error)
            return tf.maximum(tf.sqrt(mean_squared_error), _LEAST_SCALE)
        return tf.constant(self._scale, tf.float32)

    def distribution(self, parameters):
        """Maps parameters `[B, H, W, C]` to independent normals of event shape `[H, W, C]`."""
        return self._normal(parameters, self.scale)

    def at_scale(self, parameters, scale):
        """As `call`; a running scale is replaced by `scale`, `[B, 1, 1, 1]` in pixel units."""
        scale = scale if self._scale == "running" else self.scale
        return self._normal(tf.cast(parameters, tf.float32), scale)

    def _normal(self, parameters, scale):
        normal = tfp.distributions.Normal(_MEANS[self.mean](parameters), scale)
        return tfp.distributions.Independent(normal, 3)

    def log_prob_of_levels(self, distribution, images):
        """Nats `[B]` under the normal quantised to 256 levels, open-ended at both ends.

        Taming VAEs, Appendix D: P(x) = Φ((x + ½/255 - g)/σ) - Φ((x - ½/255 - g)/σ), where level 0
        keeps all mass below it and level 1 all above; in log space, so far levels stay finite.
        """
        normal = distribution.distribution
        # QuantizedDistribution takes the ceiling, P(k) = P(k - 1 < X <= k); half a level down
        # makes that the level nearest to the pixel.
        levels = tfp.distributions.QuantizedDistribution(
            tfp.distributions.Normal(255.0 * normal.loc - 0.5, 255.0 * normal.scale),
            low=0.0,
            high=255.0,
        )
        return tf.reduce_sum(levels.log_prob(tf.round(255.0 * images)), axis=(1, 2, 3))

    def draw(self, distribution, uniforms):
        """Draws images `[B, H, W, C]`, which may lie outside [0, 1]."""
        normal = distribution.distribution
        return normal.loc + normal.scale * tf.math.ndtri(uniforms)

    def observe(self, squared_error):
        """Moves the running scale towards this step's mean squared error (a scalar)."""
        if self._scale != "running":
            return
        decay = self.decay * self.is_observed
        self.mean_squared_error.assign(
            decay * self.mean_squared_error + (1.0 - decay) * squared_error
        )
        self.is_observed.assign(tf.ones([]))

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {"scale": self._scale}

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {"": lambda: cls(scale="learned", mean="linear", decay=0.9)}
