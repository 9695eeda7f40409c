"""The sequential VAE: an image drawn in steps, each with latents of its own."""

import functools

import tensorflow as tf

from zoo import checks, papers, random, registry
from zoo.base.compiled import compiled
from zoo.distributions import Gaussian, normals
from zoo.models.conv_networks import check_divisible
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.normal_latents import NormalPosterior
from zoo.models.record import Inference
from zoo.models.sequential_networks import LadderEncoder, StepGenerator

__all__ = ["SequentialVAE"]

_SPIKE_STREAM, _GRAIN_STREAM = 1, 2  # Of the noise; latents are drawn from stream 0.


@registry.register("architecture", package="zoo")
class SequentialVAE(NormalPosterior, LatentImageModel):
    """Draws an image and then redraws it T - 1 times, each time with new latents.

    Towards Deeper Understanding of Variational Autoencoding Models (Zhao, Song & Ermon 2017). With
    a network G_t and posterior network q_t for each step, for t = 1..T:

        z_t ~ q_t(z | x), prior N(0, I)
        x_1 = G_1(z_1),  x_t = r ⊙ G_t(x_{t-1}, z_t) + (1 - r) ⊙ x_{t-1}

    where G_t also gives r, a map with one number in (0, 1) a pixel. A posterior sees the data and
    not the drawing, so the rate is Σ_t KL(q_t ‖ N(0, I)), in closed form. The latents of a step are
    a ladder: a slice from each scale of the encoder, which enters G_t at that scale. With T = 1 it
    is a plain VAE of the same networks.

    Images are mixed in the space of the likelihood's parameters [choice]: mixtures of parameters
    are parameters, whatever the likelihood, while means alone would not say what a continuous
    Bernoulli's parameters are. For `zoo.distributions.Gaussian(mean="linear")` that is the space
    of pixels, as in the paper; for the default Gaussian it is that of logits. G_t sees x_{t-1} as
    the likelihood's mean. All steps share one likelihood; a running scale is that of the last step.

    The distortion sums -log p(x | z_1..z_t) over steps, or takes the last alone; reconstructions,
    `rmse`, `log_prob`, and constraints always take the last.

    Args:
        image_shape: (height, width, channels); height and width divisible by 2 for each of
            `filters`.
        num_steps: T, at least 1.
        latent_dims: Latents of a step at each scale, finest first.
        filters: Filters of the stride-2 convolutions, one a scale; G_t mirrors them.
        hidden_units: Units of the dense layers at the coarsest scale.
        share_weights: One network for all steps and one for all posteriors, which know the step by
            a bias [choice]; x_0 is then a constant image. Otherwise each step has its own.
        reconstruct_every_step: Whether every step shall resemble the data, or the last alone.
        stop_gradient: Whether x_{t-1} is a constant to step t, as in the authors' training with a
            reconstruction at every step; otherwise earlier steps also learn from later ones.
        denoise: Strength of the noise that the encoders see on images in training, in [0, 0.5),
            while the clean image is to be reconstructed: so large a share of values is black, as
            many are white, and normal noise of that standard deviation is added; the authors' is
            0.1. 0: none.
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`, with a mean.

    Raises:
        ValueError: The image size does not fit the networks, a number is out of range, the
            likelihood has no mean, or a setting leaves earlier steps without anything to learn.

    Example:
        >>> model = zoo.SequentialVAE((28, 28, 1), num_steps=4)
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO())
        >>> model.fit(images, epochs=10)
        >>> chain = model.sample(8, seed=0, return_chain=True)  # [4, 8, 28, 28, 1]
    """

    citations = (papers.DEEPER_UNDERSTANDING,)
    has_chain = True
    _least_num = 1

    def __init__(
        self,
        image_shape,
        num_steps=8,
        latent_dims=(16, 16),
        filters=(32, 64),
        hidden_units=256,
        share_weights=False,
        reconstruct_every_step=True,
        stop_gradient=False,
        denoise=0.0,
        likelihood="gaussian",
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, **kwargs)
        self.num_steps = checks.integer("num_steps", num_steps)
        self.latent_dims = checks.integers("latent_dims", latent_dims)
        self.filters = checks.integers("filters", filters)
        self.hidden_units = checks.integer("hidden_units", hidden_units)
        self.share_weights = share_weights
        self.reconstruct_every_step = reconstruct_every_step
        self.stop_gradient = stop_gradient
        self.denoise = checks.number("denoise", denoise, least=0, below=0.5)
        self._check_arguments()

        # === Layers, which build themselves ===
        networks = 1 if share_weights else num_steps
        sizes = {
            "image_shape": self.image_shape,
            "filters": self.filters,
            "hidden_units": hidden_units,
            "latent_dims": self.latent_dims,
            "num_steps": num_steps if share_weights else 1,
        }
        self.encoders = [LadderEncoder(**sizes, name=f"encoder_{t}") for t in range(networks)]
        sizes["num_outputs"] = self.likelihood.num_parameters(self.image_shape[-1])
        self.generators = [
            StepGenerator(sees_image=share_weights or t > 0, name=f"generator_{t}", **sizes)
            for t in range(networks)
        ]
        self.built = True

    def _check_arguments(self):
        check_divisible("SequentialVAE", self.image_shape, self.filters)
        if len(self.latent_dims) != len(self.filters):
            raise ValueError(
                "latent_dims must have as many entries as filters: a slice of latents a scale. "
                f"Received: latent_dims={self.latent_dims}, filters={self.filters}"
            )
        if not self.likelihood.has_mean:
            raise ValueError(
                "SequentialVAE redraws the mean image of the step before, so its likelihood must "
                f"have a mean. Received: likelihood={type(self.likelihood).__name__}. Choose "
                "'gaussian', 'bernoulli' or 'continuous_bernoulli'."
            )
        if self.needs_distortion and not self.reconstruct_every_step:
            raise ValueError(
                "With stop_gradient=True earlier steps learn from their own reconstructions only, "
                "and with reconstruct_every_step=False they have none. Change one of the two."
            )

    @property
    def needs_distortion(self):
        """Whether earlier steps learn from the distortion alone, so that GECO cannot train them."""
        return self.stop_gradient and self.num_steps > 1

    # === Inference ===

    def _posterior_parameters(self, images, training=False):
        """Those of q_1(z|x), ..., q_T(z|x), `[B, T, 2 * sum(latent_dims)]`."""
        if self.share_weights:
            return self.encoders[0].of_all_steps(images)
        return tf.stack([encoder(images) for encoder in self.encoders], axis=1)

    def _infer(self, images, context, noise, training=False):
        """Draws z ~ q(z|x); returns an `Inference` with the KL in closed form."""
        posterior, prior = self._posterior(images), normals.standard_normal()
        latents = posterior.loc + posterior.scale * noise.normal(self._latents_shape)
        of_steps = tuple(tf.unstack(latents, axis=1))
        *earlier, last = self._decode_chain(of_steps)
        return Inference(
            latents=of_steps,
            rate=normals.kl_divergence(posterior, prior),
            log_posterior=normals.log_prob(posterior, latents),
            log_prior=normals.log_prob(prior, latents),
            parameters=last,
            earlier_parameters=tuple(earlier) if self.reconstruct_every_step else (),
        )

    def _corrupt(self, images, noise):
        """Returns what the encoders see of images in training; see `denoise`."""
        if not self.denoise:
            return images
        spikes = noise.uniform(self.image_shape, stream=_SPIKE_STREAM)
        images = tf.where(spikes < self.denoise, 0.0, images)
        images = tf.where(spikes > 1.0 - self.denoise, 1.0, images)
        grain = noise.normal(self.image_shape, stream=_GRAIN_STREAM)
        return tf.clip_by_value(images + self.denoise * grain, 0.0, 1.0)

    def reconstruct(self, images, context=None, seed=None, return_chain=False):
        """Returns the likelihood's means at the images' latents, `[B, H, W, C]` in pixel units.

        Args:
            images: As in `infer`.
            context: None: the model is not conditional.
            seed: None for posterior means.
            return_chain: Whether to give the means after every step, `[T, B, H, W, C]`.

        Example:
            >>> chain = model.reconstruct(images, return_chain=True)  # [T, B, 28, 28, 1]
        """
        if not return_chain:
            return super().reconstruct(images, context, seed)
        return self._run_reconstruct_chain(*self._check_batch(images, context), self._as_seed(seed))

    @compiled
    def _run_reconstruct_chain(self, images, context, seed):
        return self._means_of_chain(self._run_encode(images, context, None, seed))

    # === Sampling ===

    def _generate(self, noise, temperature, context):
        """Draws z ~ N(0, temperature²); the latents are T `[B, sum(latent_dims)]`."""
        drawn = temperature[:, None, None] * noise.normal(self._latents_shape)
        latents = tuple(tf.unstack(drawn, axis=1))
        return latents, self._decode(latents, context)

    def sample(self, num, seed=None, temperature=1.0, context=None, return_chain=False):
        """Draws images: the likelihood's means at z ~ p(z), `[num, H, W, C]` in pixel units.

        Args:
            num: Number of images.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone. None: a fresh one.
            temperature: Scales the prior's standard deviations; a number or `[num]`.
            context: None: the model is not conditional.
            return_chain: Whether to give the means after every step, `[T, num, H, W, C]`.

        Example:
            >>> chain = model.sample(8, seed=0, return_chain=True)  # [T, 8, 28, 28, 1]
        """
        if not return_chain:
            return super().sample(num, seed, temperature, context)
        given = self._check_prior(num, temperature, context)
        return self._run_sample_chain(num, random.as_seed(seed), *given)

    @compiled
    def _run_sample_chain(self, num, seed, temperature, context):
        return self._means_of_chain(self._run_sample_prior(num, seed, temperature, context, None))

    def _decode(self, latents, context):
        """Returns the last step's parameters for a tuple of T latents `[B, sum(latent_dims)]`."""
        return self._decode_chain(latents)[-1]

    def decode_chain(self, latents):
        """Returns p(x | z_1..z_t) of every step, a tuple of T, for latents as in `decode`.

        Example:
            >>> steps = model.decode_chain(model.encode(images))
            >>> [step.mean() for step in steps]  # T times [B, 28, 28, 1]
        """
        return tuple(map(self.likelihood, self._run_decode_chain(self._check_latents(latents)[0])))

    @compiled
    def _run_decode_chain(self, latents):
        return self._decode_chain(latents)

    def _decode_chain(self, latents):
        features = self._of_latents(latents)
        first, _ = self._generator(0)(features[0], image=self._blank(latents[0]))
        chain = [first]
        for step in range(1, self.num_steps):
            chain.append(self._redraw(step, chain[-1], features[step]))
        return tuple(chain)

    def _of_latents(self, latents):
        """Returns what the generators' layers make of each step's latents."""
        if not self.share_weights:
            pairs = zip(self.generators, latents, strict=True)
            return [generator.of_latents(own) for generator, own in pairs]
        together = self.generators[0].of_latents(tf.concat(latents, axis=0))
        parts = [tf.split(features, self.num_steps) for features in together]
        return list(zip(*parts, strict=True))

    def _redraw(self, step, parameters, features):
        """Returns the likelihood's parameters after a step, `[B, H, W, num_parameters]`."""
        if self.stop_gradient:
            parameters = tf.stop_gradient(parameters)
        image = self.likelihood(parameters).mean()
        proposal, gate = self._generator(step)(features, image=image, step=step)
        return gate * proposal + (1.0 - gate) * parameters

    def _blank(self, latents):
        """x_0: none, but for a network that is shared with steps that see an image."""
        if not self.share_weights:
            return None
        return tf.fill([tf.shape(latents)[0], *self.image_shape], 0.5)

    def _means_of_chain(self, latents):
        return tf.stack([self.likelihood(step).mean() for step in self._decode_chain(latents)])

    # === Densities ===

    def _log_prior(self, latents, context):
        """Returns Σ_t log N(z_t; 0, I) in nats, `[B]`."""
        return normals.log_prob(normals.standard_normal(), tf.stack(latents, axis=1))

    def _log_posterior(self, latents, images, context):
        """Returns Σ_t log q_t(z_t|x) in nats, `[B]`."""
        return normals.log_prob(self._posterior(images), tf.stack(latents, axis=1))

    @property
    def _latents_shape(self):
        return [self.num_steps, sum(self.latent_dims)]

    @property
    def _latent_shapes(self):
        return [(sum(self.latent_dims),)] * self.num_steps

    def _generator(self, step):
        return self.generators[0 if self.share_weights else step]

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        likelihood = functools.partial(Gaussian, mean="linear", decay=0.9)
        sizes = {"num_steps": 2, "latent_dims": (2, 3), "filters": (4, 5), "hidden_units": 6}
        ways = {"share_weights": True, "reconstruct_every_step": False, "denoise": 0.05}
        small = {"num_steps": 2, "latent_dims": (2,), "filters": (4,), "hidden_units": 6}
        return {
            "": lambda: cls(image_shape, likelihood=likelihood(), **sizes, **ways),
            "stop_gradient": lambda: cls(image_shape, stop_gradient=True, **small),
        }
