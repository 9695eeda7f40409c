"""The densities of a `zoo.LatentImageModel`: log p(z), log q(z|x), and a bound on log p(x)."""

import tensorflow as tf

from zoo import random
from zoo.base.arguments import as_floats, as_row_seeds, check_num
from zoo.base.compiled import compiled
from zoo.errors import UsageError
from zoo.models.importance_weights import log_mean_weight

__all__ = ["Densities"]


class Densities:
    """Adds the methods that give densities, by what the architecture defines."""

    def log_prior(self, latents, context=None, tolerance=None):
        """Returns log p(z) in nats, `[B]`.

        Example:
            >>> model.log_prior(model.sample_prior(16, seed=0))  # nats, [16]
        """
        latents, context = self._check_latents(latents, context)
        tolerance = self._check_tolerance(tolerance, latents[0].shape[0])
        return self._run_log_prior(latents, context, tolerance)

    @compiled
    def _run_log_prior(self, latents, context, tolerance):
        given = self._given(tolerance, tf.shape(latents[0])[0])
        return self._log_prior(as_floats(latents), self._as_context(context), **given)

    def log_posterior(self, latents, images, context=None, tolerance=None):
        """Returns log q(z|x) in nats, `[B]`.

        Raises:
            UsageError: The model infers by chains, whose law has no density that is known.

        Example:
            >>> model.log_posterior(model.encode(images, seed=0), images)  # nats, [B]
        """
        if not self.has_posterior_density:
            raise UsageError(
                f"A {type(self).__name__} infers by chains, whose law has no density that is known "
                "at given latents. infer() has that of a path, and log_prob() bounds log p(x)."
            )
        images, context = self._check_batch(images, context)
        latents, context = self._check_latents(latents, context, images.shape[0])
        tolerance = self._check_tolerance(tolerance, images.shape[0])
        return self._run_log_posterior(latents, images, context, tolerance)

    @compiled
    def _run_log_posterior(self, latents, images, context, tolerance):
        images, context = self._as_images(images), self._as_context(context)
        given = self._given(tolerance, tf.shape(images)[0])
        return self._log_posterior(as_floats(latents), images, context, **given)

    def log_prob(self, images, num_samples=16, seed=0, context=None, tolerance=None):
        """Returns a lower bound on log p(x) of 256-level images, in nats `[B]`.

        The importance-weighted bound log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x) (Burda et al. 2016),
        with the probability of the image on its 256 levels, so that all architectures compare.
        Divide by -H·W·C·log 2 for bits a dimension.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] (the nearest level counts) or uint8.
            num_samples: K, at least 1; the bound tightens as it grows.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone.
            context: Context images of a conditional model.
            tolerance: Of a model with a range: a number or one an image.

        Example:
            >>> nats = model.log_prob(images, num_samples=64)     # [B]
            >>> bits_per_dimension = -nats / (784 * np.log(2.0))  # of 28 * 28 pixels
        """
        images, context = self._check_batch(images, context)
        tolerance = self._check_tolerance(tolerance, images.shape[0])
        check_num("num_samples", num_samples, 1)
        return self._run_log_prob(images, random.as_seed(seed), num_samples, context, tolerance)

    @compiled
    def _run_log_prob(self, images, seed, num_samples, context, tolerance):
        seeds = random.row_seeds(seed, tf.shape(images)[0])
        return self._run_log_prob_rows(images, seeds, num_samples, context, tolerance)

    def log_prob_rows(self, images, seeds, num_samples, context=None, tolerance=None):
        """Returns `log_prob` with one seed a row, int32 `[B, 2]`, as a served model does.

        Example:
            >>> seeds = zoo.random.row_seeds(0, len(images))
            >>> model.log_prob_rows(images, seeds, num_samples=2)  # nats, [B]
        """
        images, context = self._check_batch(images, context)
        tolerance = self._check_tolerance(tolerance, images.shape[0])
        check_num("num_samples", num_samples, 1)
        seeds = as_row_seeds(seeds)
        return self._run_log_prob_rows(images, seeds, num_samples, context, tolerance)

    @compiled
    def _run_log_prob_rows(self, images, seeds, num_samples, context, tolerance):
        images, context = self._as_images(images), self._as_context(context)
        given = self._given(tolerance, tf.shape(images)[0])
        noise = random.RowNoise(seeds)

        def log_weight(index):
            drawn = self._weighted_draw(images, context, noise.fold(index), **given)
            _, parameters, log_ratio = drawn
            likelihood = self._likelihood_at(parameters, tolerance)
            return self.likelihood.log_prob_of_levels(likelihood, images) + log_ratio

        return log_mean_weight(log_weight, num_samples, tf.shape(images)[:1])

    def _weighted_draw(self, images, context, noise, **given):
        """Returns a draw z of q, the likelihood's parameters there, and log p(z) / q(z|x) `[B]`."""
        drawn = self._infer(images, context, noise, **given)
        return drawn.latents, drawn.parameters, drawn.log_prior - drawn.log_posterior
