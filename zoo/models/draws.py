"""What a `zoo.LatentImageModel` draws: latents of its prior, and images of latents."""

import tensorflow as tf

from zoo import random
from zoo.base.arguments import as_floats, as_row_seeds
from zoo.base.compiled import compiled

__all__ = ["Draws"]


class Draws:
    """Adds the methods that draw from the prior and decode, by what the architecture defines."""

    def sample_prior(self, num, seed=None, temperature=1.0, context=None, tolerance=None):
        """Draws latents z ~ p(z), a tuple of float32 tensors of `num` rows.

        Args:
            num: Number of rows.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone. None: a fresh one.
            temperature: Scales the prior's standard deviations; a number or `[num]`.
            context: Context images of a conditional model, `[num, ...]`.
            tolerance: Of a model with a range: a number or `[num]`.

        Example:
            >>> latents = model.sample_prior(16, seed=0)
            >>> model.decode(latents).mean()  # the images of model.sample(16, seed=0)
        """
        given = *self._check_prior(num, temperature, context), self._check_tolerance(tolerance, num)
        return self._run_sample_prior(num, random.as_seed(seed), *given)

    @compiled
    def _run_sample_prior(self, num, seed, temperature, context, tolerance):
        noise = random.RowNoise(random.row_seeds(seed, num))
        return self._generate_rows(noise, temperature, context, tolerance)[0]

    def sample(self, num, seed=None, temperature=1.0, context=None, tolerance=None):
        """Draws images: the likelihood's means at z ~ p(z), `[num, H, W, C]` in pixel units.

        A model whose likelihood has no mean draws the pixels, too.

        Arguments as in `sample_prior`.

        Example:
            >>> model.sample(16, seed=0)                   # [16, 28, 28, 1]
            >>> model.sample(16, seed=0, temperature=0.7)  # nearer to the middle of the prior
        """
        given = *self._check_prior(num, temperature, context), self._check_tolerance(tolerance, num)
        return self._run_sample(num, random.as_seed(seed), *given)

    @compiled
    def _run_sample(self, num, seed, temperature, context, tolerance):
        return self._run_sample_rows(random.row_seeds(seed, num), temperature, context, tolerance)

    def sample_rows(self, seeds, temperature=1.0, context=None, tolerance=None):
        """Draws one image for each row seed, int32 `[N, 2]`, as a served model does.

        Example:
            >>> rows = model.sample_rows([[7, 0], [7, 60]])  # rows 0 and 60 of sample(61, seed=7)
        """
        seeds = as_row_seeds(seeds)
        num = seeds.shape[0]
        given = self._check_temperature(temperature, num), self._check_context(context, num)
        return self._run_sample_rows(seeds, *given, self._check_tolerance(tolerance, num))

    @compiled
    def _run_sample_rows(self, seeds, temperature, context, tolerance):
        noise = random.RowNoise(seeds)
        _, parameters = self._generate_rows(noise, temperature, context, tolerance)
        return self.images_of(self._likelihood(parameters), noise)

    def _generate_rows(self, noise, temperature, context, tolerance):
        num_rows = tf.shape(noise.seeds)[0]
        temperature = tf.broadcast_to(tf.cast(temperature, tf.float32), [num_rows])
        given = self._given(tolerance, num_rows)
        return self._generate(noise, temperature, self._as_context(context), **given)

    def generate(self, noise, temperature, context=None, tolerance=None):
        """Draws z ~ p(z) with noise of `zoo.random`, for what samples in a graph of its own.

        Args:
            noise: Noise of B rows.
            temperature: Scales the prior's standard deviations, float32 `[B]`.
            context: Context images of a conditional model, `[B, ...]`.
            tolerance: Of a model with a range: a number or `[B]`.

        Returns:
            A tuple of latents, and p(x|z).

        Example:
            >>> noise = zoo.random.RowNoise(zoo.random.row_seeds(0, 4))
            >>> latents, likelihood = model.generate(noise, tf.ones([4]))
        """
        num_rows = temperature.shape[0]
        tolerance = self._check_tolerance(tolerance, num_rows)
        given = self._given(tolerance, tf.shape(temperature)[0])
        context = self._as_context(context)
        latents, parameters = self._generate(noise, temperature, context, **given)
        return latents, self._likelihood_at(parameters, tolerance)

    def decode(self, latents, context=None, tolerance=None):
        """Returns p(x|z), a TFP distribution over images, for a tuple of latents.

        Latents belong to the tolerance that they were encoded or drawn at.

        Example:
            >>> likelihood = model.decode(model.encode(images))
            >>> likelihood.mean(), likelihood.stddev()  # [B, 28, 28, 1] each, in pixel units
        """
        latents, context = self._check_latents(latents, context)
        tolerance = self._check_tolerance(tolerance, latents[0].shape[0])
        parameters = self._run_decode(latents, context, tolerance)
        return self._likelihood_at(parameters, tolerance)

    @compiled
    def _run_decode(self, latents, context, tolerance):
        given = self._given(tolerance, tf.shape(latents[0])[0])
        return self._decode(as_floats(latents), self._as_context(context), **given)
