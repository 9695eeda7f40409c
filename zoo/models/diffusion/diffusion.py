"""`zoo.Diffusion`: a hierarchy of noised images whose posterior is fixed."""

import math

import keras
import tensorflow as tf

from zoo import checks, papers, random, registry, serving
from zoo.base import inputs, precision
from zoo.base.arguments import as_row_seeds
from zoo.base.compiled import compiled
from zoo.distributions.gaussian import Gaussian
from zoo.errors import BatchError
from zoo.models.conv_networks import check_divisible
from zoo.models.diffusion.noise_schedule import NoiseSchedule
from zoo.models.diffusion.u_net import make_u_net, step_features
from zoo.models.diffusion.variational_bound import VariationalBound
from zoo.models.objective_model import ObjectiveModel

__all__ = ["Diffusion"]

_NOISE_LEVEL = 0.25  # From which images are reconstructed, unless another is given.
_START = 0  # Tag of the sampling chain's start; step t has the tag t.


@registry.register("architecture", package="zoo")
class Diffusion(VariationalBound, ObjectiveModel):
    """Draws images from noise in T steps, each of which takes some of it away.

    A hierarchy x_T, ..., x_1, x whose posterior is fixed: x_t = √ā_t (2x - 1) + √(1 - ā_t) ε. A
    U-Net learns ε from x_t and t (Ho, Jain & Abbeel 2020). Two objectives train it:

    - `zoo.ELBO()`: the variational bound, one t an image and step;
    - `zoo.SimpleDiffusion()`: the unweighted error of ε, which gives better samples.

    Its posterior has no weights, so GECO and InfoVAE are refused; it has no encoder, so there is no
    `encode`, and `reconstruct` begins with noised images. Averaged weights are Keras's: with
    `keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.995)` the average is validated, and
    `fit` ends with it.

    Args:
        image_shape: (height, width, channels), the sides divisible by 2 for each but one of
            `filters`.
        num_steps: T.
        variances: (first, last) variances β of the noise of a step, linear between, as if there
            were 1000 steps; with T steps they are 1000/T times as large.
        filters: Channels of the U-Net at each scale.
        num_blocks: Its residual blocks at each scale, on either side.

    Raises:
        ValueError: T is below 2, signal would be left at T, or the image size does not fit.

    Example:
        >>> model = zoo.Diffusion((28, 28, 1), num_steps=200)
        >>> optimizer = keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.995)
        >>> model.compile(optimizer, objective=zoo.SimpleDiffusion())
        >>> model.fit(images, epochs=10)
        >>> samples = model.sample(16, seed=0)
    """

    citations = (papers.DIFFUSION,)
    has_mean = False  # No mean of p(x|z), of which an error would tell something.
    has_chain = False
    has_encoder = False
    has_trained_posterior = False
    needs_distortion = False
    _measure_names = ("denoising_error",)

    def __init__(
        self,
        image_shape,
        num_steps=200,
        variances=(1e-4, 0.02),
        filters=(32, 64, 64),
        num_blocks=2,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        precision.check_policy(self.dtype_policy)
        self.image_shape = checks.image_shape("image_shape", image_shape)
        self.schedule = NoiseSchedule(num_steps, variances)
        self.num_steps, self.variances = num_steps, tuple(variances)
        self.filters = checks.integers("filters", filters)
        self.num_blocks = checks.integer("num_blocks", num_blocks)
        remedy = "give fewer filters=, one for each scale"
        check_divisible("Diffusion", self.image_shape, self.filters[1:], remedy)
        # p(x|x_1) in pixel units, which are half as large as those of x̃ = 2x - 1.
        self.likelihood = Gaussian(scale=0.5 * math.sqrt(self.schedule.beta[0]), mean="linear")
        self.u_net = make_u_net(self.image_shape, self.filters, num_blocks)
        self.built = True

    # === The network ===

    def predict_noise(self, noised, steps, training=False):
        """Returns ε_θ(x_t, t), float32 like `noised`.

        Args:
            noised: x_t, `[B, H, W, C]`, of variance about 1.
            steps: t, int32 `[B]`, from 1 to T.
            training: Whether the network is called as in `fit`.
        """
        noise = self.u_net([noised, step_features(steps)], training=training)
        return tf.cast(noise, tf.float32)

    def _at(self, values, steps):
        """Returns the values of steps `[B]` of a float64 table, `[B, 1, 1, 1]`."""
        table = tf.constant(values, tf.float32)
        return tf.gather(table, steps - 1)[:, None, None, None]

    def _noised(self, images, steps, noise):
        signal = self.schedule.signal
        centred = 2.0 * images - 1.0
        return self._at(signal**0.5, steps) * centred + self._at((1 - signal) ** 0.5, steps) * noise

    def _step_mean(self, noised, steps, predicted):
        """Returns the mean of p(x_{t-1} | x_t)."""
        schedule = self.schedule
        share = self._at(schedule.beta / (1 - schedule.signal) ** 0.5, steps)
        return (noised - share * predicted) / self._at(schedule.a**0.5, steps)

    # === Images ===

    def sample(self, num, seed=None, temperature=1.0, context=None):
        """Draws images `[num, H, W, C]` in pixel units: the mean of the last step.

        Args:
            num: Number of images.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone. None: a fresh one.
            temperature: Scales the standard deviations of all noise; a number or `[num]`.
            context: None.

        Example:
            >>> model.sample(16, seed=0)  # [16, 28, 28, 1], after T passes through the U-Net
        """
        temperature, _ = self._check_prior(num, temperature, context)
        return self._run_sample(num, random.as_seed(seed), temperature)

    @compiled
    def _run_sample(self, num, seed, temperature):
        return self._run_sample_rows(random.row_seeds(seed, num), temperature)

    def sample_rows(self, seeds, temperature=1.0):
        """Draws one image for each row seed, int32 `[N, 2]`, as a served model does.

        Example:
            >>> model = zoo.Diffusion((8, 8, 1), num_steps=2, filters=(4, 4))
            >>> rows = model.sample_rows([[7, 0], [7, 60]])  # rows 0 and 60 of sample(61, seed=7)
        """
        seeds = as_row_seeds(seeds)
        return self._run_sample_rows(seeds, self._check_temperature(temperature, seeds.shape[0]))

    @compiled
    def _run_sample_rows(self, seeds, temperature):
        noise = random.RowNoise(seeds)
        temperature = tf.broadcast_to(tf.cast(temperature, tf.float32), tf.shape(seeds)[:1])
        start = noise.fold(_START).normal(self.image_shape)
        start *= temperature[:, None, None, None]
        return self._denoised(start, tf.constant(self.num_steps), noise, temperature)

    def _denoised(self, noised, first_step, noise, temperature):
        """Goes from x_t, of one t for all rows, to the mean of x, `[N, H, W, C]` in [0, 1]."""
        temperature = temperature[:, None, None, None]
        scales = self.schedule.posterior**0.5
        scales[0] = 0.0

        def take_step(step, noised):
            steps = tf.fill(tf.shape(noised)[:1], step)
            mean = self._step_mean(noised, steps, self.predict_noise(noised, steps))
            drawn = noise.fold(step).normal(self.image_shape)
            return step - 1, mean + temperature * self._at(scales, steps) * drawn

        _, centred = tf.while_loop(
            lambda step, _: step > 0, take_step, (first_step, noised), parallel_iterations=1
        )
        return tf.clip_by_value(0.5 + 0.5 * centred, 0.0, 1.0)

    def reconstruct(self, images, seed=0, noise_level=_NOISE_LEVEL):
        """Noises images up to a step, and draws them from there, `[B, H, W, C]` in pixel units.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] or uint8.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone.
            noise_level: t/T, from 0 (hardly any noise) to 1 (of the image nothing is left).

        Example:
            >>> model.reconstruct(images, noise_level=0.1)  # near to the images, [B, 28, 28, 1]
            >>> model.reconstruct(images, noise_level=0.8)  # alike in the large only
        """
        checks.number("noise_level", noise_level, least=0, most=1)
        images, _ = self._check_batch(images, None)
        return self._run_reconstruct(images, random.as_seed(seed), self._step_at(noise_level))

    def _step_at(self, noise_level):
        return max(1, round(noise_level * self.num_steps))

    @compiled
    def _run_reconstruct(self, images, seed, step):
        return self._run_reconstruct_rows(images, random.row_seeds(seed, tf.shape(images)[0]), step)

    def _run_reconstruct_rows(self, images, seeds, step):
        images, noise = self._as_images(images), random.RowNoise(seeds)
        steps = tf.fill(tf.shape(images)[:1], tf.cast(step, tf.int32))
        noised = self._noised(images, steps, noise.fold(_START).normal(self.image_shape))
        ones = tf.ones(tf.shape(images)[:1])
        return self._denoised(noised, tf.cast(step, tf.int32), noise, ones)

    def encode(self, images, **kwargs):
        """Raises BatchError: there are no latents to encode an image to."""
        raise BatchError(
            "Diffusion has no encoder: its latents are the image and noise. Use "
            "reconstruct(images, noise_level=...), or a zoo.ConvVAE for codes."
        )

    def call(self, images, training=None):
        """Reconstructs images with seed 0, as `reconstruct` does; also takes a batch as a dict."""
        return self.reconstruct(inputs.unpack(images)[0])

    def _predict(self, images, context, seed, tolerance=None):
        self._check_context(context)
        return self._run_reconstruct(images, seed, self._step_at(_NOISE_LEVEL))

    def _seed_or_default(self, seed):
        return 0 if seed is None else seed

    def _evaluated_rows(self, parts):
        return parts, None

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        small = {"variances": (0.0037, 0.004), "filters": (3, 5), "num_blocks": 1}
        return {"": lambda: cls(image_shape, num_steps=5, **small)}

    # === Keras ===

    def own_callbacks(self, callbacks):
        """Adds Keras's callback that validates with the averaged weights, if there are any."""
        added = super().own_callbacks(callbacks)
        is_there = any(isinstance(c, keras.callbacks.SwapEMAWeights) for c in callbacks)
        if getattr(self.optimizer, "use_ema", False) and not is_there:
            added.append(keras.callbacks.SwapEMAWeights())
        return added

    def _make_signatures(self):
        """`sample`, also `serving_default`: see `zoo.serving.make_sampler_signatures`."""
        return serving.make_sampler_signatures(self)
