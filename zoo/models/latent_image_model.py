"""The base class of every architecture: inference, one set of methods for all."""

import tensorflow as tf

from zoo import checks, distributions, random
from zoo.base import inputs, precision
from zoo.base.arguments import as_floats, as_noise, as_row_seeds, check_num
from zoo.base.compiled import compiled
from zoo.configured import argument_names
from zoo.models.architecture import Architecture
from zoo.models.importance_weights import log_mean_weight
from zoo.models.objective_model import ObjectiveModel
from zoo.models.record import Record

__all__ = ["LatentImageModel"]


class LatentImageModel(Architecture, ObjectiveModel):
    """A latent-variable model of images `[B, H, W, C]` in [0, 1] (or uint8).

    An architecture is a subclass that stores each constructor argument as an attribute of the same
    name, builds its layers at the end of `__init__`, and defines what has an underscore before its
    name in `zoo.models.architecture`. The methods without one are the users': they check their
    arguments, run as one graph when called eagerly, and call the architecture's own.

    It knows networks and distributions; it averages and weights nothing. What to minimise is the
    objective's matter: `model.compile(optimizer, objective=zoo.GECO(...))`.

    Args:
        image_shape: (height, width, channels).
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`.
        context_shape: Shape of the context images of a conditional model, else None.

    Attributes:
        has_chain: Whether images are drawn in steps: `sample` and `reconstruct` then take
            `return_chain=`.
        needs_distortion: Whether parts learn from the distortion alone, so that an objective
            without it (GECO) would never train them.
    """

    has_chain = False
    needs_distortion = False

    def __init__(self, image_shape, likelihood="gaussian", context_shape=None, **kwargs):
        # Float images stay float32 under a mixed precision policy: each layer casts for itself.
        super().__init__(autocast=False, **kwargs)
        precision.check_policy(self.dtype_policy)
        if context_shape is not None and "context_shape" not in argument_names(type(self)):
            raise ValueError(
                f"{type(self).__name__} is not conditional: it takes no context_shape."
            )
        self.image_shape = checks.image_shape("image_shape", image_shape)
        self.context_shape = context_shape and checks.image_shape("context_shape", context_shape)
        self.likelihood = distributions.get_likelihood(likelihood)

    @property
    def has_mean(self):
        """Whether p(x|z) has a mean in closed form; a model without one draws pixels instead."""
        return self.likelihood.has_mean

    # === Inference ===

    def infer(self, images, context=None, labels=None, seed=None, training=False):
        """Draws z ~ q(z|x) for each image and records what every objective may ask for.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] or uint8.
            context: Context images of a conditional model.
            labels: Passed on to the record.
            seed: An int or int32 `[2]`; row i has the noise of row (a, b + i). None: posterior
                means. Also takes noise of `zoo.random`.
            training: Whether all is as in `fit`: networks are called with `training=True`, and a
                denoising model's posterior sees corrupted images.

        Returns:
            A `Record` of per-example terms in nats.
        """
        images, context = self._check_batch(images, context)
        inference, images, context = self._run_infer(
            images, context, self._as_seed(seed), bool(training)
        )
        *terms, parameters, earlier = inference
        likelihoods = self._likelihood(parameters), tuple(map(self._likelihood, earlier))
        return Record(*terms, *likelihoods, images, labels, context)

    @compiled
    def _run_infer(self, images, context, seed, training):
        images, context = self._as_images(images), self._as_context(context)
        noise = as_noise(seed, images)
        seen = self._corrupt(images, noise) if training else images
        return self._infer(seen, context, noise, training), images, context

    def encode(self, images, context=None, seed=None):
        """Returns latents of images, a tuple of float32 tensors; posterior means if no seed."""
        return self._run_encode(*self._check_batch(images, context), self._as_seed(seed))

    @compiled
    def _run_encode(self, images, context, seed):
        return self._run_infer(images, context, seed, False)[0].latents

    def reconstruct(self, images, context=None, seed=None):
        """Returns the likelihood's means at the images' latents, `[B, H, W, C]` in pixel units.

        Without a seed the latents are posterior means. A model whose likelihood has no mean draws
        latents and pixels, without a seed with seed 0.
        """
        return self._reconstruct(images, context, seed, training=False)

    def _reconstruct(self, images, context, seed, training):
        seed = self._as_seed(self._seed_or_default(seed))
        return self._run_reconstruct(*self._check_batch(images, context), seed, training)

    @compiled
    def _run_reconstruct(self, images, context, seed, training):
        noise = as_noise(seed, images)
        inference, *_ = self._run_infer(images, context, noise, training)
        return self.images_of(self._likelihood(inference.parameters), noise)

    def _seed_or_default(self, seed):
        return 0 if seed is None and not self.has_mean else seed

    def images_of(self, likelihood, noise):
        """Returns the images that stand for p(x|z), `[B, H, W, C]` in pixel units: its means.

        If it has none, they are drawn with the noise.
        """
        return likelihood.mean() if self.has_mean else likelihood.draw(noise)

    def call(self, images, context=None, seed=None, training=None):
        """Reconstructs images, as `reconstruct` does; also takes a batch as a dict.

        With `training=True` its networks are called as in `fit`.
        """
        images, given, _ = inputs.unpack(images)
        context = given if context is None else context
        return self._reconstruct(images, context, seed, bool(training))

    def _predict(self, images, context, seed):
        return self._run_reconstruct(*self._check_batch(images, context), seed, False)

    # === Sampling ===

    def sample_prior(self, num, seed=None, temperature=1.0, context=None):
        """Draws latents z ~ p(z), a tuple of float32 tensors of `num` rows.

        Args:
            num: Number of rows.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone. None: a fresh one.
            temperature: Scales the prior's standard deviations; a number or `[num]`.
            context: Context images of a conditional model, `[num, ...]`.
        """
        given = self._check_prior(num, temperature, context)
        return self._run_sample_prior(num, random.as_seed(seed), *given)

    @compiled
    def _run_sample_prior(self, num, seed, temperature, context):
        noise = random.RowNoise(random.row_seeds(seed, num))
        return self._generate_rows(noise, temperature, context)[0]

    def sample(self, num, seed=None, temperature=1.0, context=None):
        """Draws images: the likelihood's means at z ~ p(z), `[num, H, W, C]` in pixel units.

        A model whose likelihood has no mean draws the pixels, too.

        Arguments as in `sample_prior`.
        """
        given = self._check_prior(num, temperature, context)
        return self._run_sample(num, random.as_seed(seed), *given)

    @compiled
    def _run_sample(self, num, seed, temperature, context):
        return self._run_sample_rows(random.row_seeds(seed, num), temperature, context)

    def sample_rows(self, seeds, temperature=1.0, context=None):
        """Draws one image for each row seed, int32 `[N, 2]`, as a served model does."""
        seeds = as_row_seeds(seeds)
        num = seeds.shape[0]
        given = self._check_temperature(temperature, num), self._check_context(context, num)
        return self._run_sample_rows(seeds, *given)

    @compiled
    def _run_sample_rows(self, seeds, temperature, context):
        noise = random.RowNoise(seeds)
        _, parameters = self._generate_rows(noise, temperature, context)
        return self.images_of(self._likelihood(parameters), noise)

    def _generate_rows(self, noise, temperature, context):
        num_rows = tf.shape(noise.seeds)[:1]
        temperature = tf.broadcast_to(tf.cast(temperature, tf.float32), num_rows)
        return self._generate(noise, temperature, self._as_context(context))

    def generate(self, noise, temperature, context=None):
        """Draws z ~ p(z) with noise of `zoo.random`, for what samples in a graph of its own.

        Args:
            noise: Noise of B rows.
            temperature: Scales the prior's standard deviations, float32 `[B]`.
            context: Context images of a conditional model, `[B, ...]`.

        Returns:
            A tuple of latents, and p(x|z).
        """
        latents, parameters = self._generate(noise, temperature, self._as_context(context))
        return latents, self._likelihood(parameters)

    # === Densities ===

    def decode(self, latents, context=None):
        """Returns p(x|z), a TFP distribution over images, for a tuple of latents."""
        return self._likelihood(self._run_decode(*self._check_latents(latents, context)))

    @compiled
    def _run_decode(self, latents, context):
        return self._decode(as_floats(latents), self._as_context(context))

    def log_prior(self, latents, context=None):
        """Returns log p(z) in nats, `[B]`."""
        return self._run_log_prior(*self._check_latents(latents, context))

    @compiled
    def _run_log_prior(self, latents, context):
        return self._log_prior(as_floats(latents), self._as_context(context))

    def log_posterior(self, latents, images, context=None):
        """Returns log q(z|x) in nats, `[B]`."""
        images, context = self._check_batch(images, context)
        latents, context = self._check_latents(latents, context, images.shape[0])
        return self._run_log_posterior(latents, images, context)

    @compiled
    def _run_log_posterior(self, latents, images, context):
        images, context = self._as_images(images), self._as_context(context)
        return self._log_posterior(as_floats(latents), images, context)

    def log_prob(self, images, num_samples=16, seed=0, context=None):
        """Returns a lower bound on log p(x) of 256-level images, in nats `[B]`.

        The importance-weighted bound log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x) (Burda et al. 2016),
        with the probability of the image on its 256 levels, so that all architectures compare.
        Divide by -H·W·C·log 2 for bits a dimension.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] (the nearest level counts) or uint8.
            num_samples: K, at least 1; the bound tightens as it grows.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone.
            context: Context images of a conditional model.
        """
        images, context = self._check_batch(images, context)
        check_num("num_samples", num_samples, 1)
        return self._run_log_prob(images, random.as_seed(seed), num_samples, context)

    @compiled
    def _run_log_prob(self, images, seed, num_samples, context):
        seeds = random.row_seeds(seed, tf.shape(images)[0])
        return self._run_log_prob_rows(images, seeds, num_samples, context)

    def log_prob_rows(self, images, seeds, num_samples, context=None):
        """Returns `log_prob` with one seed a row, int32 `[B, 2]`, as a served model does."""
        images, context = self._check_batch(images, context)
        check_num("num_samples", num_samples, 1)
        return self._run_log_prob_rows(images, as_row_seeds(seeds), num_samples, context)

    @compiled
    def _run_log_prob_rows(self, images, seeds, num_samples, context):
        images, context = self._as_images(images), self._as_context(context)
        noise = random.RowNoise(seeds)

        def log_weight(index):
            drawn = self._infer(images, context, noise.fold(index))
            likelihood = self._likelihood(drawn.parameters)
            log_likelihood = self.likelihood.log_prob_of_levels(likelihood, images)
            return log_likelihood + drawn.log_prior - drawn.log_posterior

        return log_mean_weight(log_weight, num_samples, tf.shape(images)[:1])

    # === Saving ===

    def export(self, filepath, format="tf_saved_model", log_prob_samples=16, metadata=None):
        """Writes a SavedModel, as `zoo.base.image_model.ImageModel.export` does.

        Args:
            filepath: A local folder that does not exist yet; a server wants a number, `model/1`.
            format: `"tf_saved_model"`.
            log_prob_samples: Number of importance samples of the `log_prob` signature.
            metadata: A dict that JSON can hold, kept beside the model.
        """
        self._export(filepath, format, metadata, log_prob_samples)
