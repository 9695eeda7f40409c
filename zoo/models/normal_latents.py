"""What models with one vector of normal latents share: `zoo.ConvVAE`, `zoo.PixelVAE`."""

from zoo.base.compiled import compiled
from zoo.distributions import normals
from zoo.models.record import Inference

__all__ = ["NormalLatents", "NormalPosterior"]


class NormalPosterior:
    """Adds to an architecture whose posterior is one diagonal normal its method `posterior`.

    To be named before `zoo.LatentImageModel` among the bases. A subclass defines
    `_posterior_parameters(images, training)`: means, then log-scales along the last axis,
    `[B, ..., 2 * K]`.
    """

    def _posterior_parameters(self, images, training=False):
        raise NotImplementedError

    def posterior(self, images):
        """q(z|x), a TFP normal of shape `[B, ..., K]`; images as in `infer`."""
        images, _ = self._check_batch(images, None)
        return normals.normal_from_parameters(self._run_posterior_parameters(images))

    @compiled
    def _run_posterior_parameters(self, images):
        return self._posterior_parameters(self._as_images(images))

    def _posterior(self, images, training=False):
        return normals.normal_from_parameters(self._posterior_parameters(images, training))


class NormalLatents(NormalPosterior):
    """Also the prior N(0, I), over one vector of latents `[B, latent_dim]`.

    A subclass sets `latent_dim` and defines `_posterior_parameters` and `_decode`.
    """

    @property
    def _latent_shapes(self):
        return [(self.latent_dim,)]

    def _infer(self, images, context, noise, training=False):
        """Draws z ~ q(z|x); returns an `Inference` with the KL in closed form."""
        posterior, prior = self._posterior(images, training), normals.standard_normal()
        latents = posterior.loc + posterior.scale * noise.normal([self.latent_dim])
        return Inference(
            latents=(latents,),
            rate=normals.kl_divergence(posterior, prior),
            log_posterior=normals.log_prob(posterior, latents),
            log_prior=normals.log_prob(prior, latents),
            parameters=self._decode((latents,), context, training),
        )

    def _generate(self, noise, temperature, context):
        """Draws z ~ N(0, temperature²); the latents are one `[B, latent_dim]`."""
        latents = (temperature[:, None] * noise.normal([self.latent_dim]),)
        return latents, self._decode(latents, context)

    def _log_prior(self, latents, context):
        """Returns log N(z; 0, I) in nats, `[B]`."""
        return normals.log_prob(normals.standard_normal(), latents[0])

    def _log_posterior(self, latents, images, context):
        """Returns log q(z|x) in nats, `[B]`."""
        return normals.log_prob(self._posterior(images), latents[0])
