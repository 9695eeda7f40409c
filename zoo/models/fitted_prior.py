"""N(0, I) or a mixture that is fitted, over one vector of latents that is drawn first."""

import keras
import numpy as np

from zoo.distributions import normals
from zoo.errors import SettingError
from zoo.models.mixture_prior import MixturePrior

__all__ = ["FittedPrior", "with_mixture_prior"]

_AT_ONCE = 1000  # Images that `fit_prior` encodes in one call.


class FittedPrior:
    """Adds to an architecture whose first latents are a vector `[B, d]` what a mixture asks for.

    To be named before `zoo.LatentImageModel` among the bases. A subclass has the attribute `prior`:
    "standard_normal", the mixture, or another that it treats itself.
    """

    @property
    def mixture(self):
        """The `zoo.MixturePrior`, or None."""
        return self.prior if isinstance(self.prior, MixturePrior) else None

    @property
    def _has_vector(self):
        return len(self._latent_shapes[0]) == 1

    def _infer_vector(self, posterior, noise):
        """Draws the vector z = μ + σ · noise from a normal.

        The rate is the KL in closed form, but of a mixture that at z.

        Returns:
            z, `[B, d]`, and its `rate`, `log_posterior` and `log_prior` in nats, a dict of `[B]`.
        """
        vector = posterior.loc + posterior.scale * noise
        log_posterior = normals.log_prob(posterior, vector)
        log_prior = self._log_prior_of_vector(vector)
        if self.mixture is None:
            rate = normals.kl_divergence(posterior, normals.standard_normal())
        else:
            rate = log_posterior - log_prior
        return vector, {"rate": rate, "log_posterior": log_posterior, "log_prior": log_prior}

    def _log_prior_of_vector(self, vector):
        """Returns log p of the vector in nats, `[B]`, without an energy's share."""
        if self.mixture is not None:
            return self.mixture.log_prob(vector)
        return normals.log_prob(normals.standard_normal(), vector)

    def fit_prior(self, images, seed=0):
        """Fits a `zoo.MixturePrior` to the latents of images, by expectation maximisation.

        Everything else stays as it is. The mean rate of the images falls by the nats returned;
        that of other images by less, the more so the fewer images there are.

        Args:
            images: `[N, H, W, C]`, uint8 or in pixel units; `vae-zoo train` takes 20,000.
            seed: An int, of the posterior's draws and where the components begin.

        Returns:
            By how many nats an image the mean log p(z) rises at the latents of these images.

        Raises:
            ValueError: The model has no MixturePrior, there are fewer images than components, or
                they are not one array of such images.

        Example:
            >>> model = zoo.with_mixture_prior(zoo.load("conv_vae_mnist"))
            >>> model.fit_prior(images)
        """
        if self.mixture is None:
            other = "prior=zoo.MixturePrior(), or a copy by zoo.with_mixture_prior(model)"
            how = other if self._has_vector else "global_latents= and prior=zoo.MixturePrior()"
            raise ValueError(
                f"This {type(self).__name__} was made without a zoo.MixturePrior. Make one with "
                f"{how}."
            )
        images, _ = self._check_batch(images, None)
        least = self.mixture.num_components
        if len(images) < least:
            raise ValueError(
                f"A mixture of {least} normals needs as many images at least, and some hundred for "
                f"each is better. Received: {len(images)}"
            )
        parts = [
            self.encode(images[start : start + _AT_ONCE], seed=(seed, start))[0]
            for start in range(0, len(images), _AT_ONCE)
        ]
        before = self._mean_log_prior(parts)
        self.mixture.fit_em(np.concatenate(parts), seed)
        return self._mean_log_prior(parts) - before

    def _mean_log_prior(self, parts):
        return float(np.concatenate([self.mixture.log_prob(part) for part in parts]).mean())


def with_mixture_prior(model, prior=None):
    """Returns a copy of a trained model whose prior is a mixture of normals, yet to be fitted.

    `copy.fit_prior(images)` fits it, which repairs samples and lowers the rate; `fit`
    then trains networks and prior together. Until then the copy answers as the model does, but that
    its rate is that at the z drawn.

    Args:
        model: A trained `zoo.ConvVAE`, `zoo.PixelVAE` or `zoo.ConvDRAW` with `global_latents`, with
            a standard normal prior, which stays as it is.
        prior: A `zoo.MixturePrior`; None for one with its defaults.

    Returns:
        A model of the same class, to be compiled where it is to be trained or evaluated.

    Raises:
        ValueError: Another model, one with another prior or a range of tolerances, or not a
            MixturePrior.

    Example:
        >>> model = zoo.with_mixture_prior(zoo.load("conv_vae_mnist"))
        >>> model.fit_prior(images)
        >>> model.sample(16, seed=0)
    """
    has_vector = isinstance(model, FittedPrior) and model._has_vector
    if not has_vector or model.prior != "standard_normal":
        learned = getattr(model, "prior", "standard_normal")
        which = "" if learned == "standard_normal" else f" with a {type(learned).__name__}"
        raise ValueError(
            "A mixture takes the place of the standard normal prior of one vector of latents, as a "
            "ConvVAE, a PixelVAE or a ConvDRAW with global_latents has it. "
            f"Received: a {type(model).__name__}{which}"
        )
    prior = MixturePrior() if prior is None else prior
    if not isinstance(prior, MixturePrior):
        raise SettingError("prior", "a zoo.MixturePrior", prior)
    config = model.get_config()
    copy = type(model).from_config(config | {"prior": keras.saving.serialize_keras_object(prior)})
    own = {id(weight) for weight in copy.prior.weights}
    weights = [weight for weight in copy.weights if id(weight) not in own]
    for weight, trained in zip(weights, model.weights, strict=True):
        weight.assign(trained)
    return copy
