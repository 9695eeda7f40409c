"""The kernel Stein discrepancy, minimised by Stein variational gradient descent."""

import tensorflow as tf

from zoo import papers, registry
from zoo.divergences.divergence import flatten_latents, gather_rows
from zoo.divergences.kernel_divergence import KernelDivergence
from zoo.divergences.kernels import squared_distances

__all__ = ["Stein"]


@registry.register("divergence", package="zoo.divergences")
class Stein(KernelDivergence):
    """Moves samples of q(z) along the direction in which KL(q ‖ p) falls fastest.

    InfoVAE (Zhao, Song & Ermon 2019), "Stein variational gradient"; Liu & Wang 2016. With the
    prior's score s(z) = ∇ log p(z) the direction is

        φ(z) = E_z' [k(z', z) s(z') + ∇_z' k(z', z)]

    over z' ~ q(z), and a step minimises the surrogate -stop_gradient(φ)·z. Its value is the
    squared kernel Stein discrepancy E s(z)·φ(z) + div φ(z) (Liu, Lee & Jordan 2016), a pure number
    that is 0 in the mean at the prior. It asks for the prior's score alone, no samples. A learned
    prior is not moved by it: that is left to the rate, which `alpha=1` switches off.

    Args:
        bandwidth: Squared lengths of the kernel, as in `zoo.divergences.MMD`.
        estimator: `"unbiased"` (default): z' is never z itself. `"biased"`: the paper's, in which
            each sample also follows its own score; never below 0, but far fewer samples than
            dimensions then shrink to the prior's mode.
        kernel: `"rbf"` or `"inverse_multiquadric"`, as in `zoo.divergences.MMD`.

    Raises:
        ValueError: Not among these.

    Example:
        >>> zoo.InfoVAE(divergence=zoo.divergences.Stein())
        >>> zoo.divergences.Stein()(samples, -samples)  # the score of N(0, I) at z is -z
    """

    citations = (papers.STEIN,)

    def check(self, model):
        """Raises ValueError if the model's prior has no density."""

        def log_prior(num, seed, context):
            return model.log_prior(model.sample_prior(num, seed, context=context), context)

        super().check(model)
        self._try(model, "_log_prior", "the score of the prior", log_prior)

    def call(self, samples, scores):
        """Returns the squared discrepancy of samples `[N, d]`, given the prior's scores there.

        Its gradient with respect to the samples is that of the surrogate, -φ / N.

        Raises:
            ValueError: Shapes that do not fit, or too few samples.
        """
        if samples.shape.rank != 2 or not samples.shape.is_compatible_with(scores.shape):
            raise ValueError(
                "Stein takes samples [N, d] and the prior's scores there, of the same shape. "
                f"Received: {tuple(samples.shape)} and {tuple(scores.shape)}"
            )
        self._check_number(samples)
        return tf.reduce_mean(self._shares(samples, scores, samples, scores))

    def terms(self, model, record, noise):
        """Returns each example's share of the global batch's squared discrepancy, `[B]`."""
        latents, scores = flatten_latents(record.latents), prior_scores(model, record)
        everyone = gather_rows(tf.stop_gradient(latents)), gather_rows(scores)
        return {"divergence": self._shares(latents, scores, *everyone)}

    def _shares(self, latents, scores, all_latents, all_scores):
        """The discrepancy's value for each row, `[B]`, with the gradient of the surrogate."""
        constants = map(tf.stop_gradient, (latents, scores, all_latents, all_scores))
        discrepancies, directions = self.discrepancies_and_directions(*constants)
        surrogates = -tf.reduce_sum(tf.stop_gradient(directions) * latents, axis=1)
        return tf.stop_gradient(discrepancies - surrogates) + surrogates

    def discrepancies_and_directions(self, latents, scores, all_latents, all_scores):
        """Returns each row's mean Stein kernel with all rows, `[B]`, and its φ, `[B, d]`.

        The Stein kernel is k s·s' - 2f' (z - z')·(s - s') - 2d f' - 4 ‖z - z'‖² f'', where
        k = f(‖z - z'‖²).

        Args:
            latents: This replica's samples, `[B, d]`.
            scores: ∇ log p at them, `[B, d]`.
            all_latents: The samples of all replicas, `[N, d]`.
            all_scores: ∇ log p at them, `[N, d]`.
        """
        dimension = latents.shape[-1]
        center = tf.reduce_mean(all_latents, axis=0)
        latents, all_latents = latents - center, all_latents - center
        squared = squared_distances(latents, all_latents)
        value, slope, curve = self._kernel.derivatives(squared, dimension)
        products = tf.matmul(scores, all_scores, transpose_b=True)
        stein = value * products - 2.0 * slope * _differences(
            latents, scores, all_latents, all_scores
        )
        stein -= 2.0 * dimension * slope + 4.0 * squared * curve
        totals = tf.reduce_sum(stein, axis=1)
        # ∇_z' k(z', z) = 2 f' (z' - z)
        repulsion = tf.matmul(slope, all_latents) - tf.reduce_sum(slope, 1, True) * latents
        directions = tf.matmul(value, all_scores) + 2.0 * repulsion
        return self._means(totals, directions, scores, all_latents)

    def _means(self, totals, directions, scores, all_latents):
        """Divides sums over all rows by their number, leaving out the row itself if unbiased."""
        number = tf.cast(tf.shape(all_latents)[0], tf.float32)
        if self.estimator == "biased":
            return totals / number, directions / number
        dimension = all_latents.shape[-1]
        _, slope, _ = self._kernel.derivatives(tf.zeros([]), dimension)
        totals -= tf.reduce_sum(scores**2, axis=1) - 2.0 * dimension * slope
        directions -= scores
        weight = self._has_pairs(all_latents) / tf.maximum(number - 1.0, 1.0)
        return weight * totals, weight * directions


def prior_scores(model, record):
    """Returns ∇ log p(z) at a record's latents, all groups side by side, float32 `[B, d]`."""
    latents = tuple(tf.stop_gradient(group) for group in record.latents)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(latents)
        log_prior = model.log_prior(latents, record.context)
    zero = tf.UnconnectedGradients.ZERO
    scores = tape.gradient(log_prior, latents, unconnected_gradients=zero)
    return tf.stop_gradient(flatten_latents(scores))


def _differences(latents, scores, all_latents, all_scores):
    """(z - z')·(s - s') for every pair, `[B, N]`."""
    own = tf.reduce_sum(latents * scores, axis=1)[:, None]
    others = tf.reduce_sum(all_latents * all_scores, axis=1)[None]
    crossed = tf.matmul(latents, all_scores, transpose_b=True)
    return own + others - crossed - tf.matmul(scores, all_latents, transpose_b=True)
