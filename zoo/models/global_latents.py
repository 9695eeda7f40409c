"""A vector of latents for a whole image, with which ConvDRAW may begin."""

import tensorflow as tf

from zoo import checks
from zoo.distributions import normals
from zoo.models.fitted_prior import FittedPrior
from zoo.models.global_networks import GlobalNetworks
from zoo.models.mixture_prior import MixturePrior
from zoo.models.tilted_prior import check_prior

__all__ = ["GlobalLatents"]

_STREAM = 1  # First of the vector's noise; ConvDRAW's steps draw from stream 0.


class GlobalLatents(FittedPrior):
    """What a vector z_0, drawn before its steps, asks of `zoo.ConvDRAW`; nothing where it has none.

    The posterior draws z_0 from the image alone; the steps, of posterior and prior alike, know it
    by the canvas and the state that they begin with. To be named before `zoo.LatentImageModel`.
    """

    def _set_global_latents(self, num_latents, prior):
        """Checks and keeps the constructor's arguments `global_latents` and `prior`."""
        self.global_latents = (
            None if num_latents is None else checks.integer("global_latents", num_latents)
        )
        check_prior(prior, (MixturePrior,))
        self.prior = prior
        if self.global_latents is None and self.mixture is not None:
            raise ValueError(
                "A MixturePrior is over a vector of latents, and ConvDRAW has them on a grid: pass "
                "global_latents= as well, the size of a vector that it begins with."
            )
        for name in ("context_shape", "tolerance_range"):
            if self.global_latents is not None and getattr(self, name) is not None:
                raise ValueError(
                    "global_latents are drawn knowing neither a context nor a tolerance: leave out "
                    f"global_latents=, or {name}=."
                )

    def _add_global_networks(self, grid, filters, canvas):
        """Makes the weights, last: a model without the vector begins as it did."""
        if self.global_latents is not None:
            sizes = (self.global_latents, grid, filters, canvas)
            self.global_networks = GlobalNetworks(self.image_shape, *sizes, name="global_networks")
        if self.mixture is not None:
            self.mixture.attach([(self.global_latents,)])

    def _infer_global(self, images, noise):
        """Returns z_0 ~ q(z_0|x), `[B, d]`, and its terms, as `_infer_vector`; None and zeros."""
        if self.global_latents is None:
            return None, dict.fromkeys(("rate", "log_posterior", "log_prior"), 0.0)
        drawn = noise.normal([self.global_latents], _STREAM)
        return self._infer_vector(self.global_networks.posterior(images), drawn)

    def _draw_global(self, noise, temperature):
        """Returns z_0 ~ p(z_0), `[B, d]`, or None."""
        if self.global_latents is None:
            return None
        if self.mixture is not None:
            return self.mixture.draw(noise, temperature, _STREAM)
        return temperature[:, tf.newaxis] * noise.normal([self.global_latents], _STREAM)

    def _log_prior_of_global(self, vector):
        """Returns log p(z_0) in nats, `[B]`; 0 without."""
        return 0.0 if vector is None else self._log_prior_of_vector(vector)

    def _log_posterior_of_global(self, vector, images):
        """Returns log q(z_0|x) in nats, `[B]`; 0 without."""
        if vector is None:
            return 0.0
        return normals.log_prob(self.global_networks.posterior(images), vector)

    def _split(self, latents):
        """Returns z_0, or None, and the groups of the steps."""
        return (None, latents) if self.global_latents is None else (latents[0], latents[1:])

    @staticmethod
    def _groups(vector, of_steps):
        """Returns the groups of latents: z_0, if there is one, and those of `[B, T, ...]`."""
        of_steps = tuple(tf.unstack(of_steps, axis=1))
        return of_steps if vector is None else (vector, *of_steps)
