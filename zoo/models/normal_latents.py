"""What models with one vector of normal latents share: `zoo.ConvVAE`, `zoo.PixelVAE`."""

import keras
import numpy as np
import tensorflow as tf

from zoo.base.compiled import compiled
from zoo.distributions import normals
from zoo.errors import SettingError, UsageError
from zoo.models.chosen_inference import ChosenInference
from zoo.models.energy_prior import EnergyPrior
from zoo.models.mixture_prior import MixturePrior
from zoo.models.record import Inference
from zoo.models.tilted_prior import TiltedPrior

__all__ = ["NormalLatents", "NormalPosterior", "with_mixture_prior"]

_AT_ONCE = 1000  # Images that `fit_prior` encodes in one call.


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


class NormalLatents(ChosenInference, TiltedPrior, NormalPosterior):
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
    def mixture(self):
        """The `zoo.MixturePrior`, or None."""
        return self.prior if isinstance(self.prior, MixturePrior) else None

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
        """Draws z ~ q(z|x); the rate is the KL in closed form, but of a mixture that at z."""
        if self.infers_by_chains:
            return super()._infer(images, context, noise, training, **given)
        posterior, prior = self._posterior(images, training, **given), normals.standard_normal()
        latents = posterior.loc + posterior.scale * noise.normal([self.latent_dim])
        log_posterior = normals.log_prob(posterior, latents)
        if self.mixture is None:
            log_prior = normals.log_prob(prior, latents)
            rate = normals.kl_divergence(posterior, prior)
        else:
            log_prior = self.mixture.log_prob(latents)
            rate = log_posterior - log_prior
        inference = Inference(
            latents=(latents,),
            rate=rate,
            log_posterior=log_posterior,
            log_prior=log_prior,
            parameters=self._decode((latents,), context, training, **given),
        )
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
        return self.mixture.log_prob(latents[0])

    def _log_posterior(self, latents, images, context, **given):
        """Returns log q(z|x) in nats, `[B]`."""
        return normals.log_prob(self._posterior(images, **given), latents[0])

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
            raise ValueError(
                f"This {type(self).__name__} was made without a zoo.MixturePrior. Make one with "
                "prior=zoo.MixturePrior(), or a copy by zoo.with_mixture_prior(model)."
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
        before = np.concatenate([self.log_prior((part,)) for part in parts]).mean()
        self.mixture.fit_em(np.concatenate(parts), seed)
        return float(np.concatenate([self.log_prior((part,)) for part in parts]).mean() - before)


def with_mixture_prior(model, prior=None):
    """Returns a copy of a trained model whose prior is a mixture of normals, yet to be fitted.

    `copy.fit_prior(images)` fits it, which repairs samples and lowers the rate; `fit`
    then trains networks and prior together. Until then the copy answers as the model does, but that
    its rate is that at the z drawn.

    Args:
        model: A trained `zoo.ConvVAE` or `zoo.PixelVAE` with a standard normal prior, which stays
            as it is.
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
    if not isinstance(model, NormalLatents) or model.prior != "standard_normal":
        learned = getattr(model, "prior", "standard_normal")
        which = "" if learned == "standard_normal" else f" with a {type(learned).__name__}"
        raise ValueError(
            "A mixture takes the place of the standard normal prior of one vector of latents, "
            f"as a ConvVAE or PixelVAE has it. Received: a {type(model).__name__}{which}"
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
