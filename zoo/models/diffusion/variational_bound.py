"""The variational bound of a `zoo.Diffusion`, estimated at a few steps of its chain."""

import math

import tensorflow as tf

from zoo import random
from zoo.base.arguments import as_noise, as_row_seeds, check_num
from zoo.base.compiled import compiled
from zoo.models.record import Record

__all__ = ["VariationalBound"]

# Streams of noise of a batch.
_TIME, _AT_TIME, _AT_FIRST = 0, 1, 2


class VariationalBound:
    """Adds what a `zoo.Diffusion` says of images: the terms of its bound."""

    def infer(self, images, context=None, labels=None, seed=None, training=False, tolerance=None):
        """Noises each image to one step, drawn uniformly, and to the first.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] or uint8.
            context: None.
            labels: Passed on to the record.
            seed: An int or int32 `[2]`; row i has the noise of row (a, b + i). None: seed 0. Also
                takes noise of `zoo.random`.
            training: Whether the network is called as in `fit`.
            tolerance: None.

        Returns:
            A `Record` of one group of latents, x_1. Its rate is an estimate in nats, by the one
            step of each row, of the sum over all; its distortion that of the 256 levels given x_1;
            `measures["denoising_error"]` the mean squared error of ε at the row's step. It has no
            densities of latents.

        Example:
            >>> record = model.infer(images, seed=0)
            >>> record.rate + record.distortion      # an estimate of the bound in nats, [B]
            >>> record.measures["denoising_error"]   # [B]
        """
        images, _ = self._check_batch(images, context)
        self._check_tolerance(tolerance)
        seed = self._as_seed(0 if seed is None else seed)
        first, rate, distortion, error = self._run_infer(images, seed, bool(training))
        images = self._as_images(images)
        return Record(
            latents=(first,),
            rate=rate,
            log_posterior=None,
            log_prior=None,
            likelihood=None,
            images=images,
            labels=labels,
            expected_distortion=distortion,
            measures={"denoising_error": error},
        )

    @compiled
    def _run_infer(self, images, seed, training):
        images = self._as_images(images)
        noise = as_noise(seed, images)
        place = noise.uniform([1], stream=_TIME)[:, 0] * self.num_steps
        steps = 1 + tf.cast(place, tf.int32)
        return self._terms(images, steps, noise, training)

    def _terms(self, images, steps, noise, training=False):
        """Returns x_1, rate and distortion in nats, and the error of ε, with noise of a batch."""
        first_steps = tf.ones_like(steps)
        added = noise.normal(self.image_shape, _AT_TIME)
        noised = self._noised(images, steps, added)
        first = self._noised(images, first_steps, noise.normal(self.image_shape, _AT_FIRST))
        # Not one call for both: SimpleDiffusion needs the gradient of the first alone.
        errors = (added - self.predict_noise(noised, steps, training)) ** 2
        of_first = self.predict_noise(first, first_steps, training)
        weight = self._at(self.num_steps * self.schedule.weight, steps)
        rate = self._last_rate(images) + tf.reduce_sum(weight * errors, axis=(1, 2, 3))
        mean = 0.5 + 0.5 * self._step_mean(first, first_steps, of_first)
        distortion = -self.likelihood.log_prob_of_levels(self.likelihood(mean), images)
        return first, rate, distortion, tf.reduce_mean(errors, axis=(1, 2, 3))

    def _last_rate(self, images):
        """Returns KL(q(x_T|x) ‖ N(0, I)) in nats, `[B]`."""
        signal = self.schedule.signal[-1]
        squares = tf.reduce_sum((2.0 * images - 1.0) ** 2, axis=(1, 2, 3))
        constant = math.prod(self.image_shape) * (signal + math.log1p(-signal))
        return 0.5 * (signal * squares - constant)

    def log_prob(self, images, num_samples=16, seed=0, context=None):
        """Returns the variational bound on log p(x) of 256-level images, in nats `[B]`.

        Args:
            images: `[B, H, W, C]`, float in [0, 1] or uint8.
            num_samples: Steps an image, one from each of so many parts of 1..T: the estimate of the
                bound is the surer the more there are, but no tighter.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone.
            context: None.

        Example:
            >>> model.log_prob(images, num_samples=8)  # nats, [B]
        """
        images, _ = self._check_batch(images, context)
        check_num("num_samples", num_samples, 1)
        return self._run_log_prob(images, random.as_seed(seed), num_samples)

    @compiled
    def _run_log_prob(self, images, seed, num_samples):
        seeds = random.row_seeds(seed, tf.shape(images)[0])
        return self._run_log_prob_rows(images, seeds, num_samples)

    def log_prob_rows(self, images, seeds, num_samples):
        """Returns `log_prob` with one seed a row, int32 `[B, 2]`, as a served model does.

        Example:
            >>> model = zoo.Diffusion((28, 28, 1), num_steps=2, filters=(4, 4))
            >>> seeds = zoo.random.row_seeds(0, len(images))
            >>> model.log_prob_rows(images, seeds, num_samples=2)  # nats, [B]
        """
        images, _ = self._check_batch(images, None)
        return self._run_log_prob_rows(images, as_row_seeds(seeds), num_samples)

    @compiled
    def _run_log_prob_rows(self, images, seeds, num_samples):
        images, noise = self._as_images(images), random.RowNoise(seeds)
        num_parts = tf.cast(num_samples, tf.float32)

        def add(index, total):
            own = noise.fold(index)
            place = (tf.cast(index, tf.float32) + own.uniform([1], _TIME)[:, 0]) / num_parts
            steps = 1 + tf.cast(place * self.num_steps, tf.int32)
            _, rate, distortion, _ = self._terms(images, tf.minimum(steps, self.num_steps), own)
            return index + 1, total - rate - distortion

        start = (tf.constant(0), tf.zeros(tf.shape(images)[:1]))
        _, total = tf.while_loop(
            lambda index, _: index < num_samples, add, start, parallel_iterations=1
        )
        return total / num_parts
