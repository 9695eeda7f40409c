"""Layers of latents with a joint energy-based prior."""

import functools
import itertools

import keras
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.distributions import Gaussian, normals
from zoo.errors import SettingError
from zoo.models.chosen_inference import ChosenInference
from zoo.models.conv_networks import check_divisible, make_decoder, make_encoder
from zoo.models.energy_prior import EnergyPrior
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.layered_latents import (
    conditional_normals,
    latents_of_noise,
    make_conditional,
    make_top_down,
    renewed_noise,
)
from zoo.models.record import Inference
from zoo.models.redrawn_latents import RedrawnLatents
from zoo.models.tilted_prior import TiltedPrior

__all__ = ["EnergyVAE"]


@registry.register("architecture", package="zoo")
class EnergyVAE(RedrawnLatents, ChosenInference, TiltedPrior, LatentImageModel):
    """A VAE of several layers of latents whose prior is tilted by an energy of each layer.

    Cui, Wu & Han 2023, "Learning Joint Latent Space EBM Prior Model for Multi-layer Generator":
    p(z) = exp(Σ_l f_l(z_l)) Π_{l<L} N(z_l; μ_l(z_{l+1}), σ_l(z_{l+1})²) N(z_L; 0, I) / Z, and the
    decoder sees z_1. The posterior is an encoder's, q(z_1|x) Π_l q(z_l|z_{l-1}) (their variational
    scheme), or the law of short Langevin chains on log p(x, z) (their first scheme). Z depends on
    the prior's networks μ_l and σ_l, too, whose gradient therefore has a term at draws of the prior
    beside that at the posterior's: E_q ∂ log p_β(z) - E_p ∂ log p_β(z) [derived].

    Chains run in the noise that latents are made of from the top down, where the prior is exactly
    exp(Σ f_l(z_l(ε))) N(ε; 0, I) / Z: in z they would be stiff wherever a σ_l is small.

    The `rate` is log q(z|x) - log p(z) at a draw, in nats; its mean over draws is the KL.

    Args:
        image_shape: (height, width, channels), height and width divisible by 2 for each entry of
            `filters`.
        latent_dims: Numbers of latents of the layers, from the one that the decoder sees up.
        filters: Filters of the encoder's convolutions; the decoder mirrors them.
        hidden_units: Units of the hidden layers of the networks.
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`.
        prior: A `zoo.EnergyPrior`, which has a network of its sizes for each layer; None for one
            with its defaults.
        inference: `"encoder"`, or `"short_run"`: by Langevin chains, as in `zoo.ShortRunModel`.
        num_steps: Langevin steps of the posterior's chains; the paper takes 40.
        step_size: Their size, in the noise's unit, as in `zoo.ShortRunModel`.

    Raises:
        ValueError: The image size does not fit the networks, there are no latents, or the prior is
            no EnergyPrior or has a network of its own.

    Example:
        >>> model = zoo.EnergyVAE((28, 28, 1), latent_dims=(32, 16))
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO())
        >>> model.fit(images, epochs=10)
        >>> model.sample(16, seed=0)
    """

    citations = (papers.ENERGY_VAE,)

    def __init__(
        self,
        image_shape,
        latent_dims=(128, 100),
        filters=(32, 64),
        hidden_units=256,
        likelihood="gaussian",
        prior=None,
        inference="encoder",
        num_steps=20,
        step_size=0.1,
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, **kwargs)
        self.latent_dims = checks.integers("latent_dims", latent_dims)
        self.filters = checks.integers("filters", filters)
        self.hidden_units = checks.integer("hidden_units", hidden_units)
        prior = EnergyPrior() if prior is None else prior
        if not isinstance(prior, EnergyPrior):
            raise SettingError("prior", "a zoo.EnergyPrior", prior)
        self._set_prior(prior)
        self._set_inference(inference, num_steps, step_size)
        check_divisible("EnergyVAE", self.image_shape, self.filters)

        if not self.infers_by_chains:
            self._make_encoder()
        self.top_down = make_top_down(self.latent_dims, hidden_units)
        num_parameters = self.likelihood.num_parameters(self.image_shape[-1])
        self.decoder = make_decoder(
            self.image_shape, self.latent_dims[0], self.filters, hidden_units, num_parameters
        )
        self.energy.attach(self._noise_shapes, apart=True)
        if self.infers_by_chains:
            self._add_step_size()
        self.built = True

    def _make_encoder(self):
        self.encoder = make_encoder(self.image_shape, self.filters, self.hidden_units)
        self.posterior_head = keras.layers.Dense(
            2 * self.latent_dims[0], dtype="float32", name="posterior"
        )
        self.posterior_head.build((None, self.hidden_units))
        self.bottom_up = [
            make_conditional(below, above, self.hidden_units)
            for below, above in itertools.pairwise(self.latent_dims)
        ]

    @property
    def _latent_shapes(self):
        return [(size,) for size in self.latent_dims]

    _noise_shapes = _latent_shapes

    # === The prior ===

    def _to_latents(self, noise):
        return latents_of_noise(self.top_down, noise)

    def _noise_of(self, latents, context):
        """Returns the noise that latents were made of."""
        conditionals = conditional_normals(self.top_down, latents)
        pairs = zip(latents, conditionals, strict=True)
        return tuple((group - normal.loc) / normal.scale for group, normal in pairs)

    def _exponent_of(self, latents, context):
        return self.energy.exponent(latents)

    def _contrast(self, noise):
        """Returns Σ f_l and Σ f_l + log p_β at draws, whose gradients are those of log Z."""
        latents = tuple(map(tf.stop_gradient, self._to_latents(noise)))
        exponent = self.energy.exponent(latents)
        return exponent, exponent + self._log_base(latents)

    def _log_base(self, latents, training=False):
        """Returns log p_β(z), of the prior without its energies, in nats, `[B]`."""
        conditionals = conditional_normals(self.top_down, latents, training)
        return _log_prob(conditionals, latents)

    # === What the base class asks for ===

    def _infer(self, images, context, noise, training=False, **given):
        """Draws z_1 ~ q(z_1|x) and so on up; returns an `Inference` with the ratio as its rate."""
        if self.infers_by_chains:
            return super()._infer(images, context, noise, training, **given)
        parameters = self.posterior_head(self.encoder(images, training=training))
        posteriors, latents = [], []
        for layer, network in enumerate([*self.bottom_up, None]):
            posteriors.append(normals.normal_from_parameters(parameters))
            own = noise.normal(self._noise_shapes[layer], stream=layer)
            latents.append(posteriors[-1].loc + posteriors[-1].scale * own)
            if network is not None:
                parameters = network(latents[-1], training=training)
        latents = tuple(latents)
        log_prior, log_posterior = self._log_base(latents, training), _log_prob(posteriors, latents)
        inference = Inference(
            latents=latents,
            rate=log_posterior - log_prior,
            log_posterior=log_posterior,
            log_prior=log_prior,
            parameters=self._decode(latents, context, training),
        )
        return self._tilted(inference, context)

    def _generate(self, noise, temperature, context):
        """Draws z by a chain in its noise, which the temperature scales; L groups."""
        latents = self._to_latents(self._draw_noise(noise, temperature))
        return latents, self._decode(latents, context)

    def _redraw(self, latents, num_kept, noise, temperature, context):
        own = self._noise_of(latents, context)
        return self._to_latents(renewed_noise(own, num_kept, noise, temperature))

    def _decode(self, latents, context, training=False):
        """Returns the likelihood's parameters for L `[B, latent_dims[l]]`."""
        return self.decoder(latents[0], training=training)

    def _log_posterior(self, latents, images, context):
        """Returns log q(z_1|x) + Σ log q(z_l|z_{l-1}) in nats, `[B]`."""
        parameters = [self.posterior_head(self.encoder(images))]
        parameters += [
            network(below) for network, below in zip(self.bottom_up, latents[:-1], strict=True)
        ]
        return _log_prob(map(normals.normal_from_parameters, parameters), latents)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        likelihood = functools.partial(Gaussian, mean="linear", decay=0.9)
        sizes = {"latent_dims": (3, 2), "filters": (4,), "hidden_units": 6}
        prior = EnergyPrior.examples(image_shape)[""]
        chains = {"inference": "short_run", "num_steps": 2, "step_size": 0.2}
        return {
            "": lambda: cls(image_shape, likelihood=likelihood(), prior=prior(), **sizes),
            "short_run": lambda: cls(image_shape, prior=prior(), **chains, **sizes),
        }


def _log_prob(conditionals, latents):
    pairs = zip(conditionals, latents, strict=True)
    return tf.add_n([normals.log_prob(normal, group) for normal, group in pairs])
