"""Infusion training (Bordes, Honari & Vincent 2017), the baseline of the sequential VAE."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import checks, papers, random, registry, serving
from zoo.base import inputs, precision
from zoo.base.arguments import as_row_seeds
from zoo.base.compiled import compiled
from zoo.base.image_model import ImageModel
from zoo.models.conv_networks import check_divisible
from zoo.models.sequential_networks import StepGenerator

__all__ = ["InfusionModel"]

# Bounds of a pixel's variance, in squared pixel units: those of the authors' code.
_LEAST_VARIANCE, _LARGEST_VARIANCE = 1e-4, 0.1


@registry.register("architecture", package="zoo")
class InfusionModel(ImageModel):
    """A Markov chain that turns noise into an image in T steps; no latents, no posterior.

    Learning to Generate Samples from Noise through Infusion Training (Bordes et al. 2017). A
    network, the same that draws a step of `zoo.SequentialVAE`, gives each step's transition, for
    t = 1..T:

        p_t(x_t | x_{t-1}) = N(r ⊙ g + (1 - r) ⊙ x_{t-1}, v),  g, r, v = G_t(x_{t-1})

    with independent pixels, g and the gate r in (0, 1), and a variance v a value. Sampling starts
    at x_0, uniform noise on [0, 1] [choice; the authors': normal noise with the data's mean and
    variance at each pixel], draws x_1..x_{T-1} and gives the mean of the last transition. Training
    runs the same chain, but before step t a random share α_t of the pixels of x_{t-1}, with all
    their channels, is replaced by those of the data: the image that the step shall give. The loss
    is Σ_t t/T · -log p_t(x | x_{t-1}) in nats an image, without a gradient through x_{t-1}.

    It is no latent-variable model with a bound on its likelihood that it trains on, so it has
    neither a rate nor objectives. `fit` and `evaluate` log the `loss`, and of the last step of
    infused chains `distortion` (nats an image) and `rmse` (pixel units).

    Args:
        image_shape: (height, width, channels); height and width divisible by 2 for each of
            `filters`.
        num_steps: T, at least 1.
        initial_rate: α_1, the infusion rate of the first step.
        rate_increment: α_t - α_{t-1}, at least 0; α_T is at most 1.
        filters: Filters of the stride-2 convolutions, one a scale.
        hidden_units: Units of the dense layers at the coarsest scale.
        share_weights: One network for all steps, which knows the step by a bias; the authors' does
            by its batch normalisation. Otherwise each step has its own.

    Raises:
        ValueError: The image size does not fit the networks, or a number is out of range.

    Example:
        >>> model = zoo.InfusionModel((28, 28, 1))
        >>> model.compile(keras.optimizers.Adam(1e-3))
        >>> model.fit(images, epochs=10)
        >>> chain = model.sample(8, seed=0, return_chain=True)  # [10, 8, 28, 28, 1]
    """

    citations = (papers.INFUSION,)
    has_chain = True
    _least_num = 1
    _loss_name = "the sum of the distortions of its steps"

    def __init__(
        self,
        image_shape,
        num_steps=10,
        initial_rate=0.02,
        rate_increment=0.02,
        filters=(32, 64),
        hidden_units=256,
        share_weights=True,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        precision.check_policy(self.dtype_policy)
        self.image_shape = checks.image_shape("image_shape", image_shape)
        self.num_steps = checks.integer("num_steps", num_steps)
        self.initial_rate = initial_rate
        self.rate_increment = rate_increment
        self.filters = checks.integers("filters", filters)
        self.hidden_units = checks.integer("hidden_units", hidden_units)
        self.share_weights = share_weights
        self._check_arguments()
        self.generators = [
            StepGenerator(
                self.image_shape,
                2 * self.image_shape[-1],
                self.filters,
                hidden_units,
                num_steps=num_steps if share_weights else 1,
                name=f"generator_{step}",
            )
            for step in range(1 if share_weights else num_steps)
        ]
        self.built = True

    def _check_arguments(self):
        check_divisible("InfusionModel", self.image_shape, self.filters)
        # A last rate beyond 1 by rounding alone is 1.
        rates = [round(rate, 6) for rate in (self.initial_rate, self.infusion_rate(-1))]
        if self.rate_increment < 0 or not 0 <= rates[0] <= rates[1] <= 1:
            raise ValueError(
                "The share of pixels taken from the data must not fall and must stay in [0, 1] "
                f"for all steps. Received: initial_rate={self.initial_rate}, rate_increment="
                f"{self.rate_increment}, so that it is {rates[1]:g} at step {self.num_steps}"
            )

    def infusion_rate(self, step):
        """α of a step, counted from 0, or from the last, -1: the share taken from the data."""
        return self.initial_rate + step % self.num_steps * self.rate_increment

    # === The chain ===

    def transition(self, images, step):
        """p_{t+1}(x | x_t) for the step t, from 0, at images `[B, H, W, C]`: a TFP distribution."""
        generator = self.generators[0 if self.share_weights else step]
        outputs, gate = generator(image=images, step=step)
        proposal, variance = tf.split(tf.sigmoid(outputs), 2, axis=-1)
        mean = gate * proposal + (1.0 - gate) * images
        scale = tf.sqrt(_LEAST_VARIANCE + _LARGEST_VARIANCE * variance)
        return tfp.distributions.Independent(tfp.distributions.Normal(mean, scale), 3)

    def infuse(self, images, data, step, noise):
        """Replaces a share `infusion_rate(step)` of the pixels of images by those of the data."""
        draws = noise.uniform([*self.image_shape[:2], 1], stream=2 * step + 1)
        return tf.where(draws < self.infusion_rate(step), data, images)

    def chain(self, noise, data=None, temperature=1.0):
        """Runs the chain from noise; with data, infuses them at each step.

        Args:
            noise: Noise of `zoo.random`.
            data: Images `[B, H, W, C]` in [0, 1], or None for the chain that samples.
            temperature: Scales the standard deviations of what is drawn between steps.

        Returns:
            The transitions of the T steps, TFP distributions over images.
        """
        images, transitions = noise.uniform(self.image_shape, stream=0), []
        for step in range(self.num_steps):
            if step > 0:
                drawn = noise.normal(self.image_shape, stream=2 * step)
                images = transitions[-1].mean() + temperature * transitions[-1].stddev() * drawn
            if data is not None:
                images = self.infuse(images, data, step, noise)
            transitions.append(self.transition(tf.stop_gradient(images), step))
        return transitions

    # === Images ===

    def sample(self, num, seed=None, temperature=1.0, return_chain=False):
        """Draws images: means of the last step, `[num, H, W, C]` in pixel units.

        Args:
            num: Number of images.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone. None: a fresh one.
            temperature: Scales the standard deviations of what is drawn between steps; a number or
                `[num]`.
            return_chain: Whether to give the means of every step, `[T, num, H, W, C]`.

        Example:
            >>> chain = model.sample(8, seed=0, return_chain=True)  # [T, 8, 28, 28, 1]
        """
        temperature, _ = self._check_prior(num, temperature)
        return self._run_sample(num, random.as_seed(seed), temperature, bool(return_chain))

    @compiled
    def _run_sample(self, num, seed, temperature, return_chain):
        return self._run_sample_rows(random.row_seeds(seed, num), temperature, return_chain)

    def sample_rows(self, seeds, temperature=1.0, return_chain=False):
        """Draws one image for each row seed, int32 `[N, 2]`, as a served model does.

        Example:
            >>> model = zoo.InfusionModel((8, 8, 1), num_steps=2, filters=(4,))
            >>> rows = model.sample_rows([[7, 0], [7, 60]])  # rows 0 and 60 of sample(61, seed=7)
        """
        seeds = as_row_seeds(seeds)
        temperature = self._check_temperature(temperature, seeds.shape[0])
        return self._run_sample_rows(seeds, temperature, bool(return_chain))

    @compiled
    def _run_sample_rows(self, seeds, temperature, return_chain):
        temperature = tf.broadcast_to(tf.cast(temperature, tf.float32), tf.shape(seeds)[:1])
        chain = self.chain(random.RowNoise(seeds), temperature=temperature[:, None, None, None])
        return _means(chain, return_chain)

    def reconstruct(self, images, seed=0, return_chain=False):
        """Runs chains infused with images, as training does; returns the means of the last step.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] or uint8.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone.
            return_chain: Whether to give the means of every step, `[T, B, H, W, C]`.

        Example:
            >>> chain = model.reconstruct(images, return_chain=True)  # [T, B, 28, 28, 1]
        """
        images = inputs.check_images(images, self.image_shape)
        return self._run_reconstruct(images, random.as_seed(seed), bool(return_chain))

    @compiled
    def _run_reconstruct(self, images, seed, return_chain):
        images = inputs.as_images(images, self.image_shape)
        noise = random.RowNoise(random.row_seeds(seed, tf.shape(images)[0]))
        return _means(self.chain(noise, images), return_chain)

    def call(self, images, training=None):
        """Reconstructs images with seed 0, as `reconstruct` does; also takes a batch as a dict."""
        return self.reconstruct(inputs.unpack(images)[0])

    def _predict(self, images, context, seed):
        self._check_context(context)
        return self._run_reconstruct(images, seed, False)

    def _seed_or_default(self, seed):
        return 0 if seed is None else seed

    # === Training: see `zoo.base.image_model` ===

    def _make_trackers(self):
        rmse = keras.metrics.RootMeanSquaredError("rmse")
        return {"distortion": keras.metrics.Mean("distortion"), "rmse": rmse}

    def _measure(self, images, context, labels, seed, training):
        """Runs infused chains: each step's distortions `[T, B]`; the images, the last's means."""
        self._check_context(context)
        images = inputs.as_images(images, self.image_shape)
        chain = self.chain(random.StepNoise(seed, images.shape[0] or tf.shape(images)[0]), images)
        distortions = -tf.stack([step.log_prob(images) for step in chain])
        return {"distortion": distortions}, (images, chain[-1].mean())

    def _loss(self, terms, training):
        """Σ_t t/T · mean distortion: later steps count more, as in the paper."""
        weights = tf.range(1, self.num_steps + 1, dtype=tf.float32) / self.num_steps
        return tf.reduce_sum(weights * tf.reduce_mean(terms["distortion"], axis=1))

    def _track(self, terms, measured):
        images, means = measured
        self._trackers["distortion"].update_state(terms["distortion"][-1])
        self._trackers["rmse"].update_state(images, means)
        return tf.shape(images)[0]

    # === Saving ===

    def _make_signatures(self):
        """`serving_default`, also `sample`: see `zoo.serving.make_sampler_signatures`."""
        return serving.make_sampler_signatures(self)


def _means(transitions, return_chain):
    if not return_chain:
        return transitions[-1].mean()
    return tf.stack([transition.mean() for transition in transitions])
