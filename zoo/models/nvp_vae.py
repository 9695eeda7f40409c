"""VAE+NVP: a posterior as flexible as a normalising flow (Rezende & Viola 2018, Section 4)."""

import functools

import keras
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.distributions import Gaussian, RealNVP, normals
from zoo.models.conv_networks import ACTIVATION, check_divisible, make_decoder, make_encoder
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.record import Inference
from zoo.models.tolerance_input import ToleranceInput

__all__ = ["NVPVAE"]

_PRIORS = ("standard_normal", "real_nvp")


@registry.register("architecture", package="zoo")
class NVPVAE(LatentImageModel):
    """Convolutional networks, and a fully connected conditional real NVP as the posterior.

    Taming VAEs (Rezende & Viola 2018), Section 4: its VAE+NVP. The trunk of the encoder turns the
    image into features h, and z = μ(h) + σ(h) f(ε; h) with ε ~ N(0, I) and f a
    `zoo.distributions.RealNVP` that sees h in every coupling.

    The flow only shapes the posterior; the affine map with the trunk's μ and σ puts it in its
    place [choice]. So f works on numbers of order 1 however narrow the posterior is, and training
    begins at the diagonal normal posterior of a `zoo.ConvVAE`, since f begins as the identity.
    With couplings alone, the first of them would have to learn that place, too.

    A flow has no KL in closed form: the `rate` of an example is log q(z|x) - log p(z) at the z
    drawn, in nats; its mean over draws is the KL, but a single one may be negative. Without a seed,
    `encode` and `reconstruct` take z at base noise ε = 0, which is neither mean nor mode of q.

    Args:
        image_shape: (height, width, channels); height and width are divisible by 2 for each entry
            of `filters`.
        latent_dim: Number of latents, at least 2.
        num_couplings: Number of couplings of a flow.
        coupling_units: Units of each hidden layer of a coupling's network.
        filters: Filters of the encoder's stride-2 convolutions; the decoder mirrors them.
        hidden_units: Units of the dense layer on either side of the latents, and so width of h.
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`.
        prior: `"standard_normal"`, as in the paper, or `"real_nvp"`: an unconditional flow of the
            same size, trained with the rest. A temperature scales its base's standard deviation.
        tolerance_range: As in `zoo.LatentImageModel`; κ scales and shifts the channels of every
            hidden layer of the convolutional networks, so h too, and is the condition of a flow
            that is the prior.

    Raises:
        ValueError: The image size does not fit the networks, a size is not an int or too small,
            there is no such prior, or the range is none.

    Example:
        >>> model = zoo.NVPVAE((28, 28, 1), latent_dim=16)
        >>> constraint = zoo.constraints.ReconstructionError(tolerance=0.1)
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.GECO(constraint))
        >>> model.fit(images, epochs=10)
    """

    citations = (papers.TAMING_VAES, papers.REAL_NVP)

    def __init__(
        self,
        image_shape,
        latent_dim=32,
        num_couplings=8,
        coupling_units=(64, 64),
        filters=(32, 64),
        hidden_units=256,
        likelihood="gaussian",
        prior="standard_normal",
        tolerance_range=None,
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, tolerance_range=tolerance_range, **kwargs)
        why = "a coupling moves one half of the latents by what it sees in the other"
        self.latent_dim = checks.integer("latent_dim", latent_dim, least=2, why=why)
        self.num_couplings = checks.integer("num_couplings", num_couplings)
        self.coupling_units = checks.integers("coupling_units", coupling_units)
        self.filters = checks.integers("filters", filters)
        self.hidden_units = checks.integer("hidden_units", hidden_units)
        self.prior = checks.choice("prior", prior, _PRIORS)
        check_divisible("NVPVAE", self.image_shape, self.filters)

        # === Layers ===
        encoder = make_encoder(self.image_shape, self.filters, hidden_units)
        self.encoder = self._with_modulations(encoder, ACTIVATION)
        self.posterior_head = keras.layers.Dense(2 * latent_dim, dtype="float32", name="posterior")
        self.posterior_flow = self._make_flow("posterior_flow", condition_dim=hidden_units)
        self.prior_flow = None
        if prior == "real_nvp":
            condition_dim = None if self.tolerances is None else ToleranceInput.num_features
            self.prior_flow = self._make_flow("prior_flow", condition_dim)
        num_parameters = self.likelihood.num_parameters(self.image_shape[-1])
        decoder = make_decoder(
            self.image_shape, latent_dim, self.filters, hidden_units, num_parameters
        )
        self.decoder = self._with_modulations(decoder, ACTIVATION)

        # === Build ===
        self.posterior_head.build((None, hidden_units))
        self._add_tolerance_input_of_networks()
        self.built = True

    @property
    def _latent_shapes(self):
        return [(self.latent_dim,)]

    def _make_flow(self, name, condition_dim=None):
        return RealNVP(
            self.latent_dim, self.num_couplings, self.coupling_units, condition_dim, name=name
        )

    def _infer(self, images, context, noise, training=False, tolerance=None):
        """Draws z ~ q(z|x); returns an `Inference` whose rate is log q(z|x) - log p(z) there."""
        base = noise.normal([self.latent_dim])
        features, place = self._posterior_parameters(images, training, tolerance)
        shaped, log_det = self.posterior_flow.forward(base, features)
        latents = (place.loc + place.scale * shaped,)
        log_posterior = self.posterior_flow.log_prob_of_noise(base) - log_det - _log_volume(place)
        log_prior = self._log_prior(latents, context, tolerance)
        return Inference(
            latents=latents,
            rate=log_posterior - log_prior,
            log_posterior=log_posterior,
            log_prior=log_prior,
            parameters=self._decode(latents, context, training, tolerance),
        )

    def _posterior_parameters(self, images, training=False, tolerance=None):
        """Features h, `[B, hidden_units]`, and a normal of the μ and σ made of them."""
        if tolerance is None:
            features = self.encoder(images, training=training)
        else:
            features = self.encoder(images, self._modulations(tolerance).encoder)
        return features, normals.normal_from_parameters(self.posterior_head(features))

    def _prior_condition(self, tolerance):
        return None if tolerance is None else self._modulations(tolerance).features

    def _generate(self, noise, temperature, context, tolerance=None):
        """Draws z ~ p(z), noise scaled; the latents are one `[B, latent_dim]`."""
        latents = temperature[:, None] * noise.normal([self.latent_dim])
        if self.prior_flow is not None:
            latents, _ = self.prior_flow.forward(latents, self._prior_condition(tolerance))
        return (latents,), self._decode((latents,), context, tolerance=tolerance)

    def _decode(self, latents, context, training=False, tolerance=None):
        """Returns the likelihood's parameters for a tuple of one `[B, latent_dim]`."""
        if tolerance is not None:
            return self.decoder(latents[0], self._modulations(tolerance).decoder)
        return self.decoder(latents[0], training=training)

    def _log_prior(self, latents, context, tolerance=None):
        """Returns log p(z) in nats, `[B]`; of a flow through its inverse."""
        if self.prior_flow is not None:
            return self.prior_flow.log_prob(latents[0], self._prior_condition(tolerance))
        return normals.log_prob(normals.standard_normal(), latents[0])

    def _log_posterior(self, latents, images, context, tolerance=None):
        """Returns log q(z|x) in nats, `[B]`, of any latents, through the flow's inverse."""
        features, place = self._posterior_parameters(images, tolerance=tolerance)
        shaped = (latents[0] - place.loc) / place.scale
        return self.posterior_flow.log_prob(shaped, features) - _log_volume(place)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        likelihood = functools.partial(Gaussian, mean="linear", decay=0.9)
        sizes = {"latent_dim": 3, "num_couplings": 2, "coupling_units": (3,)}
        networks = {"filters": (4,), "hidden_units": 6, "prior": "real_nvp"}
        tolerances = {"tolerance_range": (0.3, 0.6)}
        return {
            "": lambda: cls(image_shape, likelihood=likelihood(), **sizes, **networks),
            "range": lambda: cls(image_shape, **sizes, **networks, **tolerances),
        }


def _log_volume(place):
    """Log-determinant of the affine map that puts the posterior in its place, `[B]`."""
    return tf.reduce_sum(tf.math.log(place.scale), axis=1)
