"""What models with one vector of normal latents share: `zoo.ConvVAE`, `zoo.PixelVAE`."""

import tensorflow as tf

from zoo.base.compiled import compiled
from zoo.distributions import normals
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
        """q(z|x), a TFP normal of shape `[B, ..., K]`; arguments as in `infer`."""
        images, _ = self._check_batch(images, None)
        tolerance = self._check_tolerance(tolerance, images.shape[0])
        return normals.normal_from_parameters(self._run_posterior_parameters(images, tolerance))

    @compiled
    def _run_posterior_parameters(self, images, tolerance):
        given = self._given(tolerance, tf.shape(images)[0])
        return self._posterior_parameters(self._as_images(images), **given)

    def _posterior(self, images, training=False, **given):
        return normals.normal_from_parameters(self._posterior_parameters(images, training, **given))


class NormalLatents(TiltedPrior, NormalPosterior):
    """Also the prior N(0, I), or one tilted, over one vector of latents `[B, latent_dim]`.

    A subclass sets `latent_dim`, calls `_set_prior` and, after all its layers are made,
    `_attach_prior`, and defines `_posterior_parameters` and `_decode`.
    """

    @property
    def _latent_shapes(self):
        return [(self.latent_dim,)]

    _noise_shapes = _latent_shapes

    def _noise_of(self, latents, context):
        """Returns the latents, which are noise themselves."""
        return latents

    def _attach_prior(self):
        """Makes the network of an EnergyPrior, last, so that others begin as without one."""
        if self.energy is not None:
            self.energy.attach(self._noise_shapes)

    def _infer(self, images, context, noise, training=False, **given):
        """Draws z ~ q(z|x); returns an `Inference` with the KL in closed form."""
        posterior, prior = self._posterior(images, training, **given), normals.standard_normal()
        latents = posterior.loc + posterior.scale * noise.normal([self.latent_dim])
        inference = Inference(
            latents=(latents,),
            rate=normals.kl_divergence(posterior, prior),
            log_posterior=normals.log_prob(posterior, latents),
            log_prior=normals.log_prob(prior, latents),
            parameters=self._decode((latents,), context, training, **given),
        )
        return self._tilted(inference)

    def _generate(self, noise, temperature, context, **given):
        """Draws z ~ N(0, temperature²) or by a chain; the latents are one `[B, latent_dim]`."""
        latents = self._draw_noise(noise, temperature)
        return latents, self._decode(latents, context, **given)

    def _log_posterior(self, latents, images, context, **given):
        """Returns log q(z|x) in nats, `[B]`."""
        return normals.log_prob(self._posterior(images, **given), latents[0])
