"""A convolutional variational autoencoder (Kingma & Welling 2014; Rezende et al. 2014)."""

import functools

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.distributions import Gaussian
from zoo.models.conv_networks import ACTIVATION, check_divisible, make_decoder, make_encoder
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.normal_latents import NormalLatents

__all__ = ["ConvVAE"]

_REMEDY = "pass filters=, or an encoder and a decoder of your own"


@registry.register("architecture", package="zoo")
class ConvVAE(NormalLatents, LatentImageModel):
    """One vector of latents, by default with a normal prior, and convolutional networks.

    Args:
        image_shape: (height, width, channels); with the networks of our own, height and width are
            divisible by 2 for each entry of `filters`.
        latent_dim: Number of latents.
        filters: Filters of the encoder's stride-2 convolutions; the decoder mirrors them.
        hidden_units: Units of the dense layer on either side of the latents.
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`.
        encoder: A Keras model of your own, from images `[B, H, W, C]` to features of any shape.
            Like the decoder, it is called with `training=True` in `fit` alone, and its regularisers
            and other losses of its own are added to the objective's.
        decoder: A Keras model of your own, from latents `[B, latent_dim]` to the likelihood's
            parameters, `[B, H, W, likelihood.num_parameters(C)]`.
        tolerance_range: As in `zoo.LatentImageModel`; κ scales and shifts the channels of every
            hidden layer. Only for networks of our own.
        prior: `"standard_normal"`, a `zoo.EnergyPrior` or a `zoo.MixturePrior`.
        inference: `"encoder"`, or `"short_run"`: by Langevin chains on log p(x, z), as in
            `zoo.ShortRunModel`, without an encoder. With an EnergyPrior that is the model of Pang
            et al. 2020.
        num_steps: Langevin steps of a chain of the posterior.
        step_size: Their size, or a rule for it, as in `zoo.ShortRunModel`.

    Raises:
        ValueError: The image size does not fit the networks, the range is none, or what needs an
            encoder is given with `inference="short_run"`.

    Example:
        >>> model = zoo.ConvVAE((28, 28, 1), latent_dim=16)
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO())
        >>> model.fit(images, epochs=10)
    """

    citations = (papers.VAE, papers.STOCHASTIC_BACKPROPAGATION)

    def __init__(
        self,
        image_shape,
        latent_dim=32,
        filters=(32, 64),
        hidden_units=256,
        likelihood="gaussian",
        encoder=None,
        decoder=None,
        tolerance_range=None,
        prior="standard_normal",
        inference="encoder",
        num_steps=20,
        step_size=0.1,
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, tolerance_range=tolerance_range, **kwargs)
        self.latent_dim = checks.integer("latent_dim", latent_dim)
        self.filters = checks.integers("filters", filters)
        self.hidden_units = checks.integer("hidden_units", hidden_units)
        self._set_prior(prior)
        self._set_inference(inference, num_steps, step_size)
        self._has_own_networks = (encoder is not None, decoder is not None)
        if self.tolerances is not None and any(self._has_own_networks):
            raise ValueError(
                "tolerance_range needs the ConvVAE's own networks, whose hidden layers take the "
                "tolerance in: leave out encoder= and decoder=, or tolerance_range=."
            )

        if encoder is None:
            check_divisible("ConvVAE", self.image_shape, self.filters, _REMEDY)
        elif self.infers_by_chains:
            raise ValueError("inference='short_run' has no encoder: leave out encoder=.")
        self._make_networks(encoder, decoder)
        self._add_tolerance_input_of_networks()
        self._attach_prior()
        self.built = True

    def _make_networks(self, encoder, decoder):
        """Makes and builds the networks; those that are given are taken as they are."""
        sizes = self.filters, self.hidden_units
        num_parameters = self.likelihood.num_parameters(self.image_shape[-1])
        self.encoder = None
        if not self.infers_by_chains:
            encoder = encoder or make_encoder(self.image_shape, *sizes)
            self.encoder = self._with_modulations(encoder, ACTIVATION)
            self.posterior_head = keras.layers.Dense(
                2 * self.latent_dim, dtype="float32", name="posterior"
            )
        decoder = decoder or make_decoder(self.image_shape, self.latent_dim, *sizes, num_parameters)
        self.decoder = self._with_modulations(decoder, ACTIVATION)
        if not self.infers_by_chains:
            features = self._features_shape(encoder)
            self.posterior_head.build((None, int(np.prod(features))))
        self._check_decoder(decoder, (*self.image_shape[:2], num_parameters))

    def _features_shape(self, encoder):
        try:
            return _output_shape(encoder, self.image_shape)[1:]  # Builds it, too.
        except (TypeError, ValueError) as error:
            raise ValueError(
                "The encoder must map images [batch, "
                f"{', '.join(map(str, self.image_shape))}] to features. {error}"
            ) from error

    def _check_decoder(self, decoder, expected):
        try:
            received = _output_shape(decoder, [self.latent_dim])
        except (TypeError, ValueError) as error:
            received = str(error)
        if received[1:] != expected:
            raise ValueError(
                f"The decoder must map latents [batch, {self.latent_dim}] to the parameters of the "
                f"likelihood, [batch, {', '.join(map(str, expected))}]. "
                f"Received a decoder with output {received}"
            )

    def _posterior_parameters(self, images, training=False, tolerance=None):
        if tolerance is None:
            features = self.encoder(images, training=training)
        else:
            features = self.encoder(images, self._modulations(tolerance).encoder)
        features = tf.reshape(features, [tf.shape(features)[0], int(np.prod(features.shape[1:]))])
        return self.posterior_head(features)

    def _decode(self, latents, context, training=False, tolerance=None):
        """Returns the likelihood's parameters for a tuple of one `[B, latent_dim]`."""
        if tolerance is not None:
            return self.decoder(latents[0], self._modulations(tolerance).decoder)
        return self.decoder(latents[0], training=training)

    def get_config(self):
        """Returns the constructor's arguments; our own networks are made anew."""
        config = super().get_config()
        for name, is_own in zip(("encoder", "decoder"), self._has_own_networks, strict=True):
            if not is_own:
                config[name] = None
        return config

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""

        def own_networks():
            size = int(np.prod(image_shape))
            layers = [keras.layers.Dense(size), keras.layers.Reshape(image_shape)]
            normalisation = keras.layers.BatchNormalization(momentum=0.9)
            convolution = keras.layers.Conv2D(3, 2, 2, use_bias=False)
            encoder = keras.Sequential([keras.Input(image_shape), convolution, normalisation])
            decoder = keras.Sequential([keras.Input((2,)), *layers])
            return cls(image_shape, latent_dim=2, encoder=encoder, decoder=decoder)

        likelihood = functools.partial(Gaussian, mean="linear", decay=0.9)
        priors = registry.examples("prior", image_shape)
        energy, mixture = priors["EnergyPrior"], priors["MixturePrior"]
        arguments = {"latent_dim": 3, "filters": (4,), "hidden_units": 8}
        return {
            "": lambda: cls(image_shape, likelihood=likelihood(), **arguments),
            "own_networks": own_networks,
            "range": lambda: cls(image_shape, tolerance_range=(0.3, 0.6), **arguments),
            "energy": lambda: cls(image_shape, prior=energy(), **arguments),
            "short_run": lambda: cls(
                image_shape,
                inference="short_run",
                num_steps=2,
                step_size=0.2,
                prior=energy(),
                **arguments,
            ),
            "mixture": lambda: cls(image_shape, prior=mixture(), **arguments),
        }


def _output_shape(network, input_shape):
    """Returns the shape of a network's output, `(None, ...)`; raises TypeError for several."""
    output = network(keras.KerasTensor((None, *input_shape)))
    if not hasattr(output, "shape"):
        raise TypeError(f"It returns a {type(output).__name__}, and must return one tensor.")
    return tuple(output.shape)
