"""The base class of every architecture: inference, one set of methods for all."""

import tensorflow as tf

from zoo import checks, distributions
from zoo.base import inputs, precision
from zoo.base.arguments import as_noise
from zoo.base.compiled import compiled
from zoo.configured import argument_names
from zoo.models.any_tolerance import AnyTolerance
from zoo.models.architecture import Architecture
from zoo.models.densities import Densities
from zoo.models.draws import Draws
from zoo.models.objective_model import ObjectiveModel
from zoo.models.record import Record

__all__ = ["LatentImageModel"]


class LatentImageModel(Draws, Densities, AnyTolerance, Architecture, ObjectiveModel):
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
        tolerance_range: (least, most) tolerances of a model that takes the tolerance as an input,
            else None; see `zoo.models.any_tolerance`. Methods of such a model take `tolerance=`, a
            number or one a row, in pixel units; None is the range's geometric middle.

    Attributes:
        has_chain: Whether images are drawn in steps: `sample` and `reconstruct` then take
            `return_chain=`.
        has_encoder: Whether there are latents that an image is encoded to.
        has_posterior_density: Whether `log_posterior` is known at any latents; of a posterior that
            chains draw from it is not.
        needs_distortion: Whether parts learn from the distortion alone, so that an objective
            without it (GECO) would never train them.
        has_trained_posterior: Whether q(z|x) has weights that learn. One that is exact, fixed or
            drawn by chains has none, and objectives that move it (GECO, InfoVAE) are refused.

    Example:
        >>> model = zoo.load("conv_vae_mnist")  # Or any other architecture, trained or fresh.
        >>> latents = model.encode(images)      # a tuple of float32 tensors
        >>> model.decode(latents).mean()        # [B, 28, 28, 1] in pixel units
        >>> model.log_prob(images)              # nats, [B]
        >>> model.sample(16, seed=0)            # [16, 28, 28, 1]
    """

    has_chain = False
    has_encoder = True
    has_posterior_density = True
    needs_distortion = False
    has_trained_posterior = True

    def __init__(
        self,
        image_shape,
        likelihood="gaussian",
        context_shape=None,
        tolerance_range=None,
        **kwargs,
    ):
        # Float images stay float32 under a mixed precision policy: each layer casts for itself.
        super().__init__(autocast=False, **kwargs)
        precision.check_policy(self.dtype_policy)
        named = argument_names(type(self))
        if context_shape is not None and "context_shape" not in named:
            raise ValueError(
                f"{type(self).__name__} is not conditional: it takes no context_shape."
            )
        if tolerance_range is not None and "tolerance_range" not in named:
            raise ValueError(
                f"{type(self).__name__} has one tolerance, its constraint's: it takes no "
                "tolerance_range. ConvDRAW, ConvVAE and NVPVAE do."
            )
        self.image_shape = checks.image_shape("image_shape", image_shape)
        self.context_shape = context_shape and checks.image_shape("context_shape", context_shape)
        self.likelihood = distributions.get_likelihood(likelihood)
        self._set_range(tolerance_range)

    @property
    def has_mean(self):
        """Whether p(x|z) has a mean in closed form; a model without one draws pixels instead."""
        return self.likelihood.has_mean

    # === Inference ===

    def infer(self, images, context=None, labels=None, seed=None, training=False, tolerance=None):
        """Draws z ~ q(z|x) for each image and records what every objective may ask for.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] or uint8.
            context: Context images of a conditional model.
            labels: Passed on to the record.
            seed: An int or int32 `[2]`; row i has the noise of row (a, b + i). None: posterior
                means. Also takes noise of `zoo.random`.
            training: Whether all is as in `fit`: networks are called with `training=True`, a
                denoising model's posterior sees corrupted images, and tolerances are not corrected
                by a calibration.
            tolerance: Of a model with a range: a number or one an image.

        Returns:
            A `Record` of per-example terms in nats.

        Example:
            >>> record = model.infer(images, seed=0)
            >>> record.rate + record.distortion  # minus the ELBO in nats, [B]
        """
        images, context = self._check_batch(images, context)
        tolerance = self._check_tolerance(tolerance, images.shape[0], training)
        inference, images, context = self._run_infer(
            images, context, tolerance, self._as_seed(seed), bool(training)
        )
        *terms, parameters, earlier, measures, expected = inference
        likelihood = self._likelihood_at(parameters, tolerance)
        likelihoods = likelihood, tuple(map(self._likelihood, earlier))
        given = images, labels, context, tolerance, measures, expected
        return Record(*terms, *likelihoods, *given)

    @compiled
    def _run_infer(self, images, context, tolerance, seed, training):
        images, context = self._as_images(images), self._as_context(context)
        noise = as_noise(seed, images)
        seen = self._corrupt(images, noise) if training else images
        given = self._given(tolerance, tf.shape(images)[0], is_input=training)
        return self._infer(seen, context, noise, training, **given), images, context

    def encode(self, images, context=None, seed=None, tolerance=None):
        """Returns latents of images, a tuple of float32 tensors; posterior means if no seed.

        Example:
            >>> means = model.encode(images)
            >>> drawn = model.encode(images, seed=0)  # image i by row seed (0, i)
        """
        images, context = self._check_batch(images, context)
        tolerance = self._check_tolerance(tolerance, images.shape[0])
        return self._run_encode(images, context, tolerance, self._as_seed(seed))

    @compiled
    def _run_encode(self, images, context, tolerance, seed):
        return self._run_infer(images, context, tolerance, seed, False)[0].latents

    def reconstruct(self, images, context=None, seed=None, tolerance=None):
        """Returns the likelihood's means at the images' latents, `[B, H, W, C]` in pixel units.

        Without a seed the latents are posterior means, whose error is below the tolerance. A model
        whose likelihood has no mean draws latents and pixels, without a seed with seed 0.

        Example:
            >>> model.reconstruct(images)          # [B, 28, 28, 1], at posterior means
            >>> model.reconstruct(images, seed=0)  # at drawn latents
        """
        return self._reconstruct(images, context, seed, tolerance, training=False)

    def _reconstruct(self, images, context, seed, tolerance, training):
        seed = self._as_seed(self._seed_or_default(seed))
        images, context = self._check_batch(images, context)
        tolerance = self._check_tolerance(tolerance, images.shape[0])
        return self._run_reconstruct(images, context, tolerance, seed, training)

    @compiled
    def _run_reconstruct(self, images, context, tolerance, seed, training):
        noise = as_noise(seed, images)
        inference, *_ = self._run_infer(images, context, tolerance, noise, training)
        return self.images_of(self._likelihood(inference.parameters), noise)

    def _seed_or_default(self, seed):
        return 0 if seed is None and not self.has_mean else seed

    def images_of(self, likelihood, noise):
        """Returns the images that stand for p(x|z), `[B, H, W, C]` in pixel units: its means.

        If it has none, they are drawn with the noise.

        Example:
            >>> likelihood = model.decode(model.encode(images))
            >>> noise = zoo.random.RowNoise(zoo.random.row_seeds(0, len(images)))
            >>> model.images_of(likelihood, noise)  # [B, 28, 28, 1]
        """
        return likelihood.mean() if self.has_mean else likelihood.draw(noise)

    def call(self, images, context=None, seed=None, training=None, tolerance=None):
        """Reconstructs images, as `reconstruct` does; also takes a batch as a dict.

        With `training=True` its networks are called as in `fit`.
        """
        if isinstance(images, dict) and tolerance is None:
            tolerance = images.get("tolerance")
        images, given, _ = inputs.unpack(images)
        context = given if context is None else context
        return self._reconstruct(images, context, seed, tolerance, bool(training))

    def _predict(self, images, context, seed, tolerance=None):
        return self._run_reconstruct(*self._check_batch(images, context), tolerance, seed, False)

    # === Saving ===

    def export(self, filepath, format="tf_saved_model", log_prob_samples=16, metadata=None):
        """Writes a SavedModel, as `zoo.base.image_model.ImageModel.export` does.

        Args:
            filepath: A local folder that does not exist yet; a server wants a number, `model/1`.
            format: `"tf_saved_model"`.
            log_prob_samples: Number of importance samples of the `log_prob` signature.
            metadata: A dict that JSON can hold, kept beside the model.

        Example:
            >>> model.export("my_model/1", log_prob_samples=64)
            >>> model = zoo.load("my_model/1")
        """
        self._export(filepath, format, metadata, log_prob_samples)
