"""Latents of which some groups stay and the prior draws the others anew."""

import tensorflow as tf

from zoo import checks, random
from zoo.base.arguments import as_floats
from zoo.base.compiled import compiled

__all__ = ["RedrawnLatents"]


class RedrawnLatents:
    """Adds `redraw` to a model whose prior draws groups of latents one after the other.

    To be named before `zoo.LatentImageModel` among the bases. A subclass defines
    `_redraw(latents, num_kept, noise, temperature, context, **given)`, which returns latents;
    `num_kept` is an int32 scalar.
    """

    def redraw(self, latents, num_kept, seed=None, temperature=1.0, context=None, tolerance=None):
        """Keeps what the prior draws first, and draws the rest from the prior given that.

        Shows which groups say what of an image, and what the model makes up where it was told
        nothing (Gregor et al. 2016, "Towards Conceptual Compression"). The first groups are
        ConvDRAW's vector, if it has one, and first steps, and the upper layers of a model of
        layers, which are the last of the tuple. Energies of a prior are left out: what lies below
        is drawn as its networks say.

        Args:
            latents: A tuple of float32 tensors of B rows, as `encode` returns.
            num_kept: How many groups stay, an int from 1 to their number.
            seed: An int or int32 `[2]`; row i depends on (a, b + i) alone. None: a fresh one.
            temperature: Scales the standard deviations of what is drawn; a number or `[B]`.
            context: Context images of a conditional model, `[B, ...]`.
            tolerance: Of a model with a range: a number or `[B]`.

        Returns:
            Latents as those given, for `decode`.

        Raises:
            ValueError: `num_kept` is no such int, or another argument does not fit.

        Example:
            >>> latents = model.encode(images)
            >>> gist = model.redraw(latents, num_kept=2, seed=0)
            >>> model.decode(gist).mean()  # [B, 28, 28, 1]: like the images, but for the details
        """
        latents, context = self._check_latents(latents, context)
        checks.integer("num_kept", num_kept, most=len(latents))
        num_rows = latents[0].shape[0]
        temperature = self._check_temperature(temperature, num_rows)
        tolerance = self._check_tolerance(tolerance, num_rows)
        seed = random.as_seed(seed)
        return self._run_redraw(
            latents, tf.constant(num_kept), seed, temperature, context, tolerance
        )

    @compiled
    def _run_redraw(self, latents, num_kept, seed, temperature, context, tolerance):
        num_rows = tf.shape(latents[0])[0]
        noise = random.RowNoise(random.row_seeds(seed, num_rows))
        temperature = tf.broadcast_to(tf.cast(temperature, tf.float32), [num_rows])
        given = self._given(tolerance, num_rows)
        context = self._as_context(context)
        return self._redraw(as_floats(latents), num_kept, noise, temperature, context, **given)
