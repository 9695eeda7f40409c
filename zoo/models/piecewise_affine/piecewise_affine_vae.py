"""`zoo.PiecewiseAffineVAE`: a model whose posterior and likelihood are known exactly."""

import math

import keras
import tensorflow as tf

from zoo import checks, papers, random, registry
from zoo.base.compiled import compiled
from zoo.distributions import normals
from zoo.distributions.gaussian import Gaussian
from zoo.errors import SettingError
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.piecewise_affine import intervals, network
from zoo.models.piecewise_affine.exact_posterior import ExactPosterior, find_regions
from zoo.models.piecewise_affine.fit_em import FitEM
from zoo.models.piecewise_affine.memory import MemoryLimit
from zoo.models.record import Inference

__all__ = ["PiecewiseAffineVAE"]

_MOST_REGIONS = 2**17  # Whose maps the constructor lets a network have.


@registry.register("architecture", package="zoo")
class PiecewiseAffineVAE(FitEM, MemoryLimit, LatentImageModel):
    """One or two latents, a leaky ReLU decoder, and no encoder: the posterior is exact.

    z ~ N(0, I), x ~ N(g(z), σ²I) with g a dense network of leaky ReLUs and σ learned. g is affine
    on convex regions of latent space, so p(x) and p(z|x) are sums over regions (Balestriero, Paris
    & Baraniuk 2020), computed in float64. The ELBO's gap is 0: rate + distortion = -log p(x), which
    makes it the yardstick for bounds and estimators. Two ways to train it:

    - `fit_em(images)`: exact expectation-maximisation, for as many images as memory holds;
    - `fit` with `zoo.ELBO()`: the same likelihood by its exact gradient. The posterior has no
      weights, so the rate has no gradient (Fisher's identity), a weight β on it changes nothing,
      and objectives that move the posterior (GECO, InfoVAE) are refused.

    `encode` without a seed gives the exact posterior mean. With two latents XLA is not possible:
    the number of regions is not known beforehand.

    Args:
        image_shape: (height, width, channels).
        latent_dim: 1 or 2.
        hidden_units: Units of each hidden layer; none make it probabilistic PCA.
        negative_slope: η of the leaky ReLUs, from 0 to below 1.
        noise_scale: σ at the start of training, in pixel units.

    Raises:
        ValueError: `latent_dim` is 3 or more, or the network has more regions than memory for them.

    Example:
        >>> model = zoo.PiecewiseAffineVAE((28, 28, 1), hidden_units=(8, 8))
        >>> history = model.fit_em(images, steps=20)
        >>> model.log_density(images)  # The exact log p(x) in nats, float64 [N].
    """

    citations = (papers.EXACT_EM,)
    has_trained_posterior = False

    def __init__(
        self,
        image_shape,
        latent_dim=1,
        hidden_units=(8, 8),
        negative_slope=0.1,
        noise_scale=0.2,
        **kwargs,
    ):
        super().__init__(image_shape, Gaussian(scale="learned", mean="linear"), **kwargs)
        self.latent_dim = checks.integer(
            "latent_dim",
            latent_dim,
            most=2,
            remedy="The exact posterior over regions of three and more dimensions costs more than "
            "annealed importance sampling, which is as good: make a zoo.ConvVAE and measure that.",
        )
        self.hidden_units = hidden_units = _check_units(hidden_units, latent_dim)
        self.negative_slope = checks.number("negative_slope", negative_slope, least=0, below=1)
        self.noise_scale = checks.number("noise_scale", noise_scale, above=0)
        self._num_pixels = math.prod(self.image_shape)

        # === Layers ===
        # float32 whatever the policy: the regions are those of these weights, not of roundings.
        spread = keras.initializers.RandomNormal(stddev=1.0)
        self.layers_of_decoder = [
            keras.layers.Dense(
                units, dtype="float32", bias_initializer=spread, name=f"decoder_{index}"
            )
            for index, units in enumerate(hidden_units)
        ]
        # Pixels in [0, 1] deviate from grey by a quarter or so.
        self.layers_of_decoder.append(
            keras.layers.Dense(
                self._num_pixels,
                dtype="float32",
                kernel_initializer=keras.initializers.VarianceScaling(0.25**2, "fan_avg"),
                bias_initializer=keras.initializers.Constant(0.5),
                name="decoder_mean",
            )
        )

        # === Build ===
        for layer, size in zip(self.layers_of_decoder, (latent_dim, *hidden_units), strict=True):
            layer.build((None, size))
        self.likelihood.log_scale.assign(math.log(noise_scale))
        self.built = True

    # === The exact posterior ===

    def log_density(self, images):
        """Returns the exact log p(x) of images in nats, float64 `[B]`: a density, not of levels.

        Raises:
            BatchError: Images × regions would take more memory than the limit.

        Example:
            >>> model.log_density(images)
            >>> record = model.infer(images)
            >>> -record.rate - record.distortion  # the same: the bound is tight
        """
        images, _ = self._check_batch(images, None)
        return self._run_log_density(images)

    @compiled
    def _run_log_density(self, images):
        return self._exact(self._as_images(images)).log_density

    def posterior_moments(self, images):
        """Returns E[z|x], float64 `[B, d]`, and Cov[z|x], `[B, d, d]`, with d = `latent_dim`.

        Example:
            >>> means, covariances = model.posterior_moments(images)  # [B, d], [B, d, d]
        """
        images, _ = self._check_batch(images, None)
        return self._run_posterior_moments(images)

    @compiled
    def _run_posterior_moments(self, images):
        exact = self._exact(self._as_images(images))
        mean = exact.mean
        return mean, exact.second_moment - mean[:, :, None] * mean[:, None, :]

    def count_regions(self):
        """Returns the number of regions on which the decoder is affine now, an int.

        Example:
            >>> zoo.PiecewiseAffineVAE((1, 2, 1), hidden_units=()).count_regions()  # one affine map
            1
        """
        ends = find_regions(self._network(), self.latent_dim, self.negative_slope).ends
        if self.latent_dim == 2:
            return int(ends.shape[0])
        low, high = ends
        return int(tf.math.count_nonzero(low < high))

    def _network(self):
        """The decoder's layers in float64, as `zoo.models.piecewise_affine.network` has them."""
        return [
            tuple(tf.cast(tf.convert_to_tensor(w), tf.float64) for w in (layer.kernel, layer.bias))
            for layer in self.layers_of_decoder
        ]

    def _exact(self, images):
        """Returns the `ExactPosterior` of float32 images, with the gradients of its distortion."""
        layers = self._network()
        regions = find_regions(layers, self.latent_dim, self.negative_slope)
        pixels = tf.cast(tf.reshape(images, [-1, self._num_pixels]), tf.float64)
        check = self._assert_memory(tf.shape(pixels)[0], regions)
        with tf.control_dependencies(check):
            pixels = tf.identity(pixels)
        scale = tf.cast(self.likelihood.scale, tf.float64)
        return ExactPosterior(layers, regions, scale, pixels)

    # === What an architecture defines ===

    @property
    def _latent_shapes(self):
        return [(self.latent_dim,)]

    def _infer(self, images, context, noise, training=False):
        """Draws z from the exact posterior; without noise z is its mean."""
        exact = self._exact(images)
        if isinstance(noise, random.MeanNoise):
            latents = exact.mean
        else:
            latents = exact.draw(tf.cast(noise.uniform([1 + self.latent_dim]), tf.float64))
        latents = tf.cast(tf.stop_gradient(latents), tf.float32)
        distortion = exact.distortion()
        rate = -tf.stop_gradient(exact.log_density + distortion)
        return Inference(
            latents=(latents,),
            rate=tf.cast(rate, tf.float32),
            log_posterior=self._log_posterior_of(latents, exact),
            log_prior=normals.log_prob(normals.standard_normal(), latents),
            parameters=self._decode((latents,), None),
            expected_distortion=tf.cast(distortion, tf.float32),
        )

    def _generate(self, noise, temperature, context):
        latents = (temperature[:, None] * noise.normal([self.latent_dim]),)
        return latents, self._decode(latents, None)

    def _decode(self, latents, context):
        """Returns the means, `[B, H, W, C]`."""
        means = network.apply(self._network(), tf.cast(latents[0], tf.float64), self.negative_slope)
        return tf.cast(tf.reshape(means, [-1, *self.image_shape]), tf.float32)

    def _log_prior(self, latents, context):
        return normals.log_prob(normals.standard_normal(), latents[0])

    def _log_posterior(self, latents, images, context):
        return self._log_posterior_of(latents[0], self._exact(images))

    def _log_posterior_of(self, latents, exact):
        """Returns log p(x|z) + log p(z) - log p(x) in nats, float32 `[B]`."""
        latents = tf.cast(latents, tf.float64)
        means = network.apply(self._network(), latents, self.negative_slope)
        log_joint = _log_normal(exact.pixels, means, exact.scale)
        log_joint += _log_normal(latents, 0.0, tf.ones([], tf.float64))
        return tf.cast(tf.stop_gradient(log_joint - exact.log_density), tf.float32)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {
            "": lambda: cls(image_shape, hidden_units=(3,), negative_slope=0.2, noise_scale=0.4),
            "two_latents": lambda: cls(image_shape, latent_dim=2, hidden_units=(2,)),
        }


def _log_normal(values, means, scale):
    squares = tf.reduce_sum((values - means) ** 2, axis=1) / scale**2
    size = tf.cast(values.shape[1], tf.float64)
    return -0.5 * (squares + size * tf.math.log(2.0 * math.pi * scale**2))


def _check_units(hidden_units, latent_dim):
    """Returns the hidden layers' sizes as a tuple, if memory can hold the regions they may make."""
    if isinstance(hidden_units, list | tuple) and not hidden_units:
        return ()
    units = checks.integers("hidden_units", hidden_units)
    num_intervals = intervals.num_intervals(units)
    if latent_dim == 1 and num_intervals > _MOST_REGIONS:
        raise SettingError(
            "hidden_units",
            f"sizes with a product of (units + 1) of at most {_MOST_REGIONS}, the regions that one "
            "latent may be cut into",
            units,
            f"These make {num_intervals} regions: take fewer or smaller layers.",
        )
    return units
