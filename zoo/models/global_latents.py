"""A vector of latents for a whole image, with which ConvDRAW may begin."""

import tensorflow as tf

from zoo import checks
from zoo.distributions import normals
from zoo.models.fitted_prior import FittedPrior
from zoo.models.global_networks import GlobalNetworks

__all__ = ["GlobalLatents"]

_STREAM = 1  # Of the vector's noise; ConvDRAW's steps draw from stream 0.


class GlobalLatents(FittedPrior):
    """What `zoo.ConvDRAW` asks for z_0, a vector that is drawn before its steps, or for none.

    The posterior draws z_0 from the image alone; the steps, of posterior and prior alike, know it by
    the canvas and the state that they begin with. To be named before `zoo.LatentImageModel`.
    """

    def _set_global_latents(self, num_latents, prior):
        """Checks and keeps the constructor's arguments `global_latents` and `prior`."""
        self.global_latents = (
            None if num_latents is None else checks.integer("global_latents", num_latents)
        )
        self._set_mixture(prior)
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

    @property
    def _vector_size(self):
        return self.global_latents

    def _infer_global(self, images, noise):
        """Returns a draw of q(z_0|x), `[B, d]`, and its terms in nats; None and none without."""
        if self.global_latents is None:
            return None, {}
        posterior = self.global_networks.posterior(images)
        drawn = noise.normal([self.global_latents], stream=_STREAM)
        whole = posterior.loc + posterior.scale * drawn
        log_posterior = normals.log_prob(posterior, whole)
        log_prior = self._log_prior_of_vector(whole)
        rate = self._rate_of_vector(posterior, log_posterior, log_prior)
        return whole, {"rate": rate, "log_posterior": log_posterior, "log_prior": log_prior}

    def _draw_global(self, noise, temperature):
        """Draws z_0 from the prior, `[B, d]`; None without."""
        if self.global_latents is None:
            return None
        if self.mixture is not None:
            return self.mixture.draw(noise.fold(_STREAM), temperature)
        return temperature[:, tf.newaxis] * noise.normal([self.global_latents], stream=_STREAM)

    def _split(self, latents):
        """Returns z_0, or None, and the groups of the steps."""
        return (None, latents) if self.global_latents is None else (latents[0], latents[1:])

    @staticmethod
    def _groups(whole, of_steps):
        """Returns the groups of latents: z_0, if there is one, and those of `[B, T, ...]`."""
        of_steps = tuple(tf.unstack(of_steps, axis=1))
        return of_steps if whole is None else (whole, *of_steps)
