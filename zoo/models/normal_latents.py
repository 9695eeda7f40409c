"""What models with one vector of normal latents share: `zoo.ConvVAE`, `zoo.PixelVAE`."""

from zoo.distributions import normals
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.record import Inference

__all__ = ["NormalLatents"]


class NormalLatents(LatentImageModel):
    """A model whose posterior is a diagonal normal, and its prior N(0, I), over `[B, latent_dim]`.

    A subclass sets `latent_dim` and defines `posterior` and `decode`.
    """

    def posterior(self, images):
        """q(z|x), a TFP normal of shape `[B, latent_dim]`, for images `[B, H, W, C]` in [0, 1]."""
        raise NotImplementedError

    def draw_posterior(self, images, context, noise):
        """Draws z ~ q(z|x); returns an `Inference` with the KL in closed form."""
        del context
        posterior, prior = self.posterior(images), normals.standard_normal()
        latents = posterior.loc + posterior.scale * noise.normal([self.latent_dim])
        return Inference(
            latents=(latents,),
            rate=normals.kl_divergence(posterior, prior),
            log_posterior=normals.log_prob(posterior, latents),
            log_prior=normals.log_prob(prior, latents),
            likelihood=self.decode((latents,)),
        )

    def generate(self, noise, temperature, context=None):
        """Draws z ~ N(0, temperature²); returns the latents, one `[B, latent_dim]`, and p(x|z)."""
        del context
        latents = (temperature[:, None] * noise.normal([self.latent_dim]),)
        return latents, self.decode(latents)

    def log_prior(self, latents, context=None):
        """Returns log N(z; 0, I) in nats, `[B]`."""
        self._as_context(context)  # None, or an error.
        return normals.log_prob(normals.standard_normal(), latents[0])

    def log_posterior(self, latents, images, context=None):
        """Returns log q(z|x) in nats, `[B]`."""
        self._as_context(context)  # None, or an error.
        return normals.log_prob(self.posterior(self._as_images(images)), latents[0])
