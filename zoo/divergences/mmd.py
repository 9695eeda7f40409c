"""The squared maximum mean discrepancy (Gretton et al. 2012), as InfoVAE uses it."""

import tensorflow as tf

from zoo import papers, registry
from zoo.divergences.divergence import flatten_latents, gather_rows
from zoo.divergences.kernel_divergence import KernelDivergence
from zoo.divergences.kernels import squared_distances

__all__ = ["MMD"]


@registry.register("divergence", package="zoo.divergences")
class MMD(KernelDivergence):
    """MMD² = E k(z, z') - 2 E k(z, y) + E k(y, y') for z, z' ~ q(z) and y, y' ~ p(z).

    InfoVAE (Zhao, Song & Ermon 2019), "maximum-mean discrepancy". Between 0 and 2 in the mean, a
    pure number: a weight of the order of the number of pixels is needed to weigh it against a
    distortion in nats (the authors' own: 50 · 784).

    [choice] The bandwidth. The authors' code has exp(-‖a - b‖² / d²), which in many dimensions
    sees the mean only: at d = 64, standard deviation 0.5 instead of 1 moves it by 3 times the
    spread that it has by chance among 256 samples; the default moves by more than 300 times.
    `benchmarks/divergences.py` measures it.

    Args:
        bandwidth: `"multiscale"` (default): the mean of three kernels, with bandwidths d/2, 2d and
            8d. `"paper"`: d², the authors'. `"dimension"`: 2d. Or a number or several, squared
            lengths in the latents' unit.
        estimator: `"unbiased"` (default): no sample is compared with itself; 0 in the mean for
            equal distributions, and so at times below 0. `"biased"`: the authors'; never below 0,
            and about 2 (1 - E k) / n for equal distributions.
        kernel: `"rbf"`: exp(-‖a - b‖² / bandwidth), or `"inverse_multiquadric"`:
            1 / (1 + ‖a - b‖² / bandwidth), whose gradient reaches latents far from the prior.

    Raises:
        ValueError: Not among these.

    Example:
        >>> zoo.divergences.MMD()(samples, other_samples)  # [N, d], [M, d] -> a scalar
        >>> zoo.InfoVAE(alpha=1.0, lambda_=40_000.0, divergence=zoo.divergences.MMD("paper"))
    """

    citations = (papers.MMD,)

    def call(self, samples, other_samples):
        """Returns MMD² of samples `[N, d]` and `[M, d]`, a float32 scalar.

        Raises:
            ValueError: Shapes that do not fit, or too few samples.
        """
        _check_samples(samples, other_samples)
        self._check_number(samples)
        self._check_number(other_samples)
        of_samples = tf.reduce_mean(self._within(samples, samples))
        of_others = tf.reduce_mean(self._within(other_samples, other_samples))
        return of_samples + of_others - 2.0 * tf.reduce_mean(self._across(samples, other_samples))

    def terms(self, model, record, noise):
        """Returns each example's share of the global batch's MMD², `[B]`."""
        latents, prior = flatten_latents(record.latents), self.draw_prior(model, record, noise)
        all_latents, all_prior = gather_rows(latents), gather_rows(prior)
        shares = self._within(latents, all_latents) + self._within(prior, all_prior)
        shares -= 2.0 * self._across(latents, all_prior)
        return {"divergence": shares * self._has_pairs(all_latents)}

    def _across(self, rows, columns):
        """Mean over the columns of k(row, column), `[N]`."""
        squared = squared_distances(rows, columns)
        return tf.reduce_mean(self._kernel.values(squared, rows.shape[-1]), axis=1)

    def _within(self, rows, everyone):
        """Mean of k(row, other) over everyone, or over everyone but the row itself, `[N]`."""
        mean = self._across(rows, everyone)
        if self.estimator == "biased":
            return mean
        number = tf.cast(tf.shape(everyone)[0], tf.float32)
        # A row's kernel with itself is 1.
        return (mean * number - 1.0) / tf.maximum(number - 1.0, 1.0)


def _check_samples(samples, other_samples):
    shapes = samples.shape, other_samples.shape
    if any(shape.rank != 2 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise ValueError(
            "MMD compares samples of shapes [N, d] and [M, d]. "
            f"Received: {tuple(shapes[0])} and {tuple(shapes[1])}"
        )
