"""What models with one vector of normal latents share: `zoo.ConvVAE`, `zoo.PixelVAE`."""

import tensorflow as tf

from zoo.base.compiled import compiled
from zoo.distributions import normals
from zoo.errors import UsageError
from zoo.models.chosen_inference import ChosenInference
from zoo.models.energy_prior import EnergyPrior
from zoo.models.fitted_prior import FittedPrior
from zoo.models.mixture_prior import MixturePrior
from zoo.models.record import Inference
from zoo.models.tilted_prior import TiltedPrior

__all__ = ["NormalLatents", "NormalPosterior"]


class NormalPosterior:
    """Adds to an architecture whose posterior is one diagonal normal its method `posterior`.

    To be named before `zoo.LatentImageModel` among the bases. A subclass defines
    `_posterior_parameters(images, training)`: means, then log-scales along the last axis,
    `[B, ..., 2 * K]`. That of a class that takes `tolerance_range` has `tolerance`, too.
    """

    def _posterior_parameters(self, images, training=False, **given):
        raise NotImplementedError

    def posterior(self, images, tolerance=None):
        """Returns q(z|x), a TFP normal of shape `[B, ..., K]`; arguments as in `infer`.

        Example:
            >>> posterior = model.posterior(images)
            >>> posterior.stddev()  # [B, ..., K]
        """
        images, _ = self._check_batch(images, None)
        tolerance = self._check_tolerance(tolerance, images.shape[0])
        return normals.normal_from_parameters(self._run_posterior_parameters(images, tolerance))

    @compiled
    def _run_posterior_parameters(self, images, tolerance):
        given = self._given(tolerance, tf.shape(images)[0])
        return self._posterior_parameters(self._as_images(images), **given)

    def _posterior(self, images, training=False, **given):
        return normals.normal_from_parameters(self._posterior_parameters(images, training, **given))


class NormalLatents(ChosenInference, TiltedPrior, FittedPrior, NormalPosterior):
    """Also N(0, I), a tilted prior or a mixture, over one vector of latents `[B, latent_dim]`.

    A subclass sets `latent_dim`, calls `_set_prior`, then `_set_inference`, and after all its
    layers are made `_attach_prior`, and defines `_posterior_parameters`, if there is an encoder,
    and `_decode`. It may infer by chains instead of an encoder.
    """

    _priors = (EnergyPrior, MixturePrior)

    def _set_inference(self, inference, num_steps, step_size):
        super()._set_inference(inference, num_steps, step_size)
        others = {
            "tolerance_range, which asks for a posterior that learns": self.tolerances,
            "prior=zoo.MixturePrior(), which is fitted to an encoder's posterior": self.mixture,
        }
        for what, is_there in others.items():
            if self.infers_by_chains and is_there is not None:
                raise ValueError(f"inference='short_run' has no encoder. Leave out {what}.")

    def posterior(self, images, tolerance=None):
        """Returns q(z|x), a TFP normal of shape `[B, latent_dim]`; arguments as in `infer`.

        Raises:
            UsageError: The model infers by chains, whose law is no normal.

        Example:
            >>> posterior = model.posterior(images)
            >>> posterior.loc, posterior.scale  # [B, latent_dim] each
        """
        if self.infers_by_chains:
            raise UsageError(
                f"A {type(self).__name__} with inference='short_run' has no normal posterior: draw "
                "from it by encode(images, seed=...)."
            )
        return super().posterior(images, tolerance)

    @property
    def _latent_shapes(self):
        return [(self.latent_dim,)]

    _noise_shapes = _latent_shapes

    def _noise_of(self, latents, context):
        """Returns the latents, which are noise themselves."""
        return latents

    def _attach_prior(self):
        """Makes the weights of chains and of a prior that learns, last: others begin as without."""
        if self.infers_by_chains:
            self._add_step_size()
        if self.prior != "standard_normal":
            self.prior.attach(self._noise_shapes)

    def _infer(self, images, context, noise, training=False, **given):
        """Draws z ~ q(z|x)."""
        if self.infers_by_chains:
            return super()._infer(images, context, noise, training, **given)
        posterior = self._posterior(images, training, **given)
        latents, terms = self._infer_vector(posterior, noise.normal([self.latent_dim]))
        parameters = self._decode((latents,), context, training, **given)
        inference = Inference(latents=(latents,), parameters=parameters, **terms)
        return self._tilted(inference)

    def _generate(self, noise, temperature, context, **given):
        """Draws z from the prior, by a chain if it has an energy: one `[B, latent_dim]`."""
        if self.mixture is None:
            latents = self._draw_noise(noise, temperature)
        else:
            latents = (self.mixture.draw(noise, temperature),)
        return latents, self._decode(latents, context, **given)

    def _log_prior(self, latents, context, **given):
        """Returns log p(z) in nats, `[B]`."""
        if self.mixture is None:
            return super()._log_prior(latents, context, **given)
        return self._log_prior_of_vector(latents[0])

    def _log_posterior(self, latents, images, context, **given):
        """Returns log q(z|x) in nats, `[B]`."""
        return normals.log_prob(self._posterior(images, **given), latents[0])
