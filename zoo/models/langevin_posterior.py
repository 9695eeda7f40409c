"""Inference without an encoder: short Langevin chains on log p(x, z)."""

import tensorflow as tf

from zoo import checks
from zoo.base.arguments import as_noise
from zoo.base.compiled import compiled
from zoo.chains import annealed_path, langevin
from zoo.distributions import normals
from zoo.errors import UsageError
from zoo.models.chain_divergence import is_stiff
from zoo.models.chain_step_size import CHAIN, ChainStepSize
from zoo.models.record import Inference, Record
from zoo.models.seen_pixels import SeenPixels, as_mask

__all__ = ["LangevinPosterior"]


class LangevinPosterior(ChainStepSize):
    """Gives an architecture the law of a short chain instead of a network's q(z|x).

    To be named before `zoo.LatentImageModel` among the bases. A subclass has `num_steps`, calls
    `_set_step_size` and `_add_step_size` in its constructor and is a `TiltedPrior`, in whose noise
    the chains walk. One that says so by `infers_by_chains = False` keeps the posterior that it has.
    """

    infers_by_chains = True

    @property
    def has_posterior_density(self):
        """As in `zoo.LatentImageModel`."""
        return super().has_posterior_density and not self.infers_by_chains

    @property
    def has_trained_posterior(self):
        """As in `zoo.LatentImageModel`."""
        return super().has_trained_posterior and not self.infers_by_chains

    @property
    def takes_mask(self):
        """Whether images may have hidden pixels: chains need no more than a likelihood."""
        return self.infers_by_chains

    # === Inference ===

    def _infer(self, images, context, noise, training=False, mask=None):
        """Walks to z_K; returns an `Inference` with the path's weight as its posterior."""
        start, chain = self._walk(images, context, noise, self.num_steps, mask)
        latents = tuple(map(tf.stop_gradient, self._latents_of(chain.latents)))
        log_prior = self._log_base(latents)
        of_noise = normals.standard_log_prob(start) - chain.log_path
        # The density of latents is that of their noise over the volume that it takes up as latents.
        volume = log_prior - normals.standard_log_prob(chain.latents)
        log_posterior = of_noise + tf.stop_gradient(volume)
        inference = Inference(
            latents=latents,
            rate=log_posterior - log_prior,
            log_posterior=log_posterior,
            log_prior=log_prior,
            parameters=self._decode(latents, context, training),
            measures={
                "acceptance": chain.acceptance,
                "stable_step": chain.stable_step,
                "posterior_stiff": is_stiff(chain, self._step_size_tensor),
            },
        )
        return self._tilted(inference, context)

    def _walk(self, images, context, noise, num_steps, mask=None):
        """Runs the chains, on the seen pixels if there is a mask `[B, H, W]`; start and chain."""
        start = self._start(noise)
        num_steps = tf.convert_to_tensor(num_steps)  # So that longer chains go on from shorter.
        walk = self._target(images, context, mask), start, noise.fold(CHAIN), num_steps
        return start, langevin(*walk, self._step_size_tensor)

    def _start(self, noise):
        return tuple(noise.normal(shape, stream=i) for i, shape in enumerate(self._noise_shapes))

    def _target(self, images, context, mask=None):
        """Returns the function from noise to log p(x, z), z made of it, that chains climb."""

        def log_density(noise):
            latents = self._latents_of(noise)
            parameters = self._decode(latents, context)
            if mask is None:
                value = self._likelihood(parameters).log_prob(images)
            else:
                seen = SeenPixels(self._likelihood, parameters, mask)
                value = seen.log_prob_and_constant(images)
            value += normals.standard_log_prob(noise)
            return value if self.energy is None else value + self.energy.exponent(latents)

        return log_density

    def _weighted_draw(self, images, context, noise, **given):
        """Also by a path that anneals: the bound is nats above that of flat ones."""
        if not self.infers_by_chains:
            return super()._weighted_draw(images, context, noise, **given)

        def log_factor(noise):
            return self._target(images, context)(noise) - normals.standard_log_prob(noise)

        walk = self._start(noise), noise.fold(CHAIN), self.num_steps, self._step_size_tensor
        ends, log_ratio = annealed_path(log_factor, *walk)
        latents = self._latents_of(ends)
        if self.energy is not None:
            log_ratio += self.energy.log_ratio(latents)
        return latents, self._decode(latents, context), log_ratio

    def infer(
        self,
        images,
        context=None,
        labels=None,
        seed=None,
        training=False,
        tolerance=None,
        mask=None,
    ):
        """Draws latents by chains and records what an objective asks for: a `Record`.

        With a mask, as of `encode`, its likelihood is that of the seen pixels; batches of `fit`,
        `evaluate` and `predict` have it as `mask`, `[B, H, W]`. Other arguments as of
        `zoo.LatentImageModel.infer`.

        Example:
            >>> model = zoo.ShortRunModel((28, 28, 1), num_steps=20)
            >>> record = model.infer(images, seed=0)
            >>> record.measures["acceptance"]  # of the chains' last steps, [B]
        """
        if mask is None:
            return super().infer(images, context, labels, seed, training, tolerance)
        images, mask, _ = self._check_walk(images, context, tolerance, None, mask)
        inference, images = self._run_infer_seen(images, mask, self._as_seed(seed), bool(training))
        *terms, parameters, _, measures, _ = inference
        seen = SeenPixels(self._likelihood, parameters, mask)
        given = {"images": images, "labels": labels, "measures": measures}
        return Record(*terms, seen, seen=mask[..., None], **given)

    @compiled
    def _run_infer_seen(self, images, mask, seed, training):
        images = self._as_images(images)
        return self._infer(images, None, as_noise(seed, images), training, mask=mask), images

    def encode(self, images, context=None, seed=None, tolerance=None, num_steps=None, mask=None):
        """Returns the ends of chains, a tuple of float32 tensors.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] or uint8.
            context: None: the model is not conditional.
            seed: An int or int32 `[2]`. None: a descent from z = 0 without noise, which is near a
                mode of the posterior and not its mean.
            tolerance: None.
            num_steps: Steps of the chains, an int; None: those of training. More come nearer to the
                posterior; with a seed, a longer chain goes on from where a shorter one ends.
            mask: Which pixels are seen, 1, or hidden, 0: `[H, W]`, or `[B, H, W]`. Hidden ones have
                no influence.

        Raises:
            ValueError: No steps, or a mask of another shape or with an image of which no pixel is
                seen.

        Example:
            >>> model = zoo.ShortRunModel((28, 28, 1), num_steps=20)
            >>> model.encode(images, seed=0)                # after 20 steps
            >>> model.encode(images, seed=0, num_steps=60)  # 40 steps further on
        """
        if num_steps is None and mask is None and not self.infers_by_chains:
            return super().encode(images, context, seed, tolerance)
        walk = self._check_walk(images, context, tolerance, num_steps, mask)
        return self._run_walk(*walk, self._as_seed(seed))[0]

    def reconstruct(
        self, images, context=None, seed=None, tolerance=None, num_steps=None, mask=None
    ):
        """Returns the likelihood's means at the ends of chains, `[B, H, W, C]` in pixel units.

        With a mask, hidden pixels are filled in by what the model expects beside the seen ones:
        another seed gives another answer. Arguments as of `encode`.

        Example:
            >>> model = zoo.ShortRunModel((28, 28, 1))
            >>> upper_half = np.arange(28)[:, None] < 14 * np.ones(28)  # [28, 28]
            >>> model.reconstruct(images, mask=upper_half, seed=0)      # the lower is filled in
        """
        if num_steps is None and mask is None and not self.infers_by_chains:
            return super().reconstruct(images, context, seed, tolerance)
        seed = self._as_seed(self._seed_or_default(seed))
        walk = self._check_walk(images, context, tolerance, num_steps, mask)
        return self._run_walk_and_decode(*walk, seed)

    def _check_walk(self, images, context, tolerance, num_steps, mask):
        if not self.infers_by_chains:
            raise UsageError(
                f"This {type(self).__name__} infers by its encoder, which takes no num_steps and "
                "no mask. One made with inference='short_run' does."
            )
        images, _ = self._check_batch(images, context)
        self._check_tolerance(tolerance, images.shape[0])
        num_steps = self.num_steps if num_steps is None else num_steps
        checks.integer("num_steps", num_steps)
        return images, self._check_mask(mask, images), tf.constant(num_steps)

    def _check_mask(self, mask, images):
        if mask is None:
            return None
        if not self.takes_mask:
            raise UsageError(
                f"A {type(self).__name__} takes no mask: what is hidden of an image would be seen "
                "by the pixels after it."
            )
        return as_mask(mask, images)

    def _predict(self, images, context, seed, tolerance=None, mask=None):
        if mask is None:
            return super()._predict(images, context, seed, tolerance)
        return self.reconstruct(images, context, seed, tolerance, mask=mask)

    @compiled
    def _run_walk(self, images, mask, num_steps, seed):
        images = self._as_images(images)
        _, chain = self._walk(images, None, as_noise(seed, images), num_steps, mask)
        latents = self._latents_of(chain.latents)
        return latents, self._decode(latents, None)

    @compiled
    def _run_walk_and_decode(self, images, mask, num_steps, seed):
        noise = as_noise(seed, images)
        _, parameters = self._run_walk(images, mask, num_steps, noise)
        return self.images_of(self._likelihood(parameters), noise)

    # === Training ===

    @property
    def _measure_names(self):
        own = ("acceptance", "stable_step", "posterior_stiff") if self.infers_by_chains else ()
        return (*super()._measure_names, *own)
