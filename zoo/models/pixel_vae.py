"""PixelVAE: an autoregressive decoder that sees latents (Zhao, Song & Ermon 2017)."""

import functools

import keras
import tensorflow as tf

from zoo import checks, papers, random, registry
from zoo.distributions import DiscretizedLogisticMixture
from zoo.errors import SettingError
from zoo.layers import PixelCNN
from zoo.layers.pixel_sampler import sample_pixels
from zoo.models.conv_networks import make_encoder
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.normal_latents import NormalLatents

__all__ = ["PixelImage", "PixelVAE"]

_PIXEL_STREAM = 1  # Of the noise; latents are drawn from stream 0.


@registry.register("architecture", package="zoo")
class PixelVAE(NormalLatents, LatentImageModel):
    """A vector of latents with a standard normal prior, and a PixelCNN++ that sees it.

    Towards Deeper Understanding of Variational Autoencoding Models (Zhao, Song & Ermon 2017). The
    decoder could model images alone, so under `zoo.ELBO()` the latents tend to say nothing (the
    rate falls to 0); under `zoo.Unregularised()` they say much, but no longer follow the prior:
    sample such a model by `zoo.sampling.markov_chain`.

    p(x|z) is a product over pixels, each given those before it, and has no mean in closed form:
    `reconstruct`, `predict` and `sample` draw pixels, the first two with seed 0 unless one is
    given; `fit` logs no `rmse`; constraints on reconstructions refuse it.

    Args:
        image_shape: (height, width, channels), any.
        latent_dim: Number of latents.
        filters: Channels of the decoder.
        num_blocks: Gated blocks in each of the decoder's two streams.
        kernel_size: Of the blocks' convolutions, odd.
        first_kernel_size: Of the decoder's first convolutions, odd.
        encoder_filters: Filters of the encoder's stride-2 convolutions.
        hidden_units: Units of the encoder's dense layer.
        likelihood: Of a pixel given those before it: `"discretized_logistic_mixture"`, any number
            of channels; `"bernoulli"`, one channel, for binary images; or a
            `zoo.distributions.Likelihood` that `is_of_levels`.
        position_embedding: Whether a pixel knows where in the image it is. Without, a row below the
            decoder's reach, `first_kernel_size // 2 + 1 + 2 * num_blocks * (kernel_size // 2)` rows
            (12 by default), cannot tell how far the bottom is, and digits begin there that the
            border cuts. The recipes have it; models from before it came have not.
        prior: `"standard_normal"`, a `zoo.EnergyPrior` or a `zoo.MixturePrior`.
        inference: `"encoder"`, or `"short_run"`: by Langevin chains on log p(x, z), as in
            `zoo.ShortRunModel`, without an encoder; that latents say nothing is no way out for it.
        num_steps: Langevin steps of a chain.
        step_size: Their size, or a rule for it, as in `zoo.ShortRunModel`.

    Raises:
        ValueError: A size is not positive or, of a kernel, not odd; another likelihood; a Bernoulli
            of several channels.

    Example:
        >>> model = zoo.PixelVAE((28, 28, 1), latent_dim=16)
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.Unregularised())
        >>> model.fit(images, epochs=10)
        >>> chain = zoo.sampling.markov_chain(model, num_steps=5, num=16)
    """

    citations = (papers.DEEPER_UNDERSTANDING, papers.PIXEL_CNN_PP)
    has_mean = False
    _least_num = 1
    takes_mask = False  # A pixel sees those before it.

    def __init__(
        self,
        image_shape,
        latent_dim=32,
        filters=32,
        num_blocks=4,
        kernel_size=3,
        first_kernel_size=7,
        encoder_filters=(32, 64),
        hidden_units=256,
        likelihood="discretized_logistic_mixture",
        position_embedding=False,
        prior="standard_normal",
        inference="encoder",
        num_steps=20,
        step_size=0.1,
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, **kwargs)
        self.latent_dim = checks.integer("latent_dim", latent_dim)
        self.filters = checks.integer("filters", filters)
        self.num_blocks = checks.integer("num_blocks", num_blocks)
        self.kernel_size = _odd("kernel_size", kernel_size)
        self.first_kernel_size = _odd("first_kernel_size", first_kernel_size)
        self.encoder_filters = checks.integers("encoder_filters", encoder_filters)
        self.hidden_units = checks.integer("hidden_units", hidden_units)
        self.position_embedding = bool(position_embedding)
        self._set_prior(prior)
        self._set_inference(inference, num_steps, step_size)
        _check_likelihood(self.likelihood, self.image_shape[-1])
        self._make_networks()
        self._attach_prior()
        self.built = True

    def _make_networks(self):
        """Makes and builds the encoder, if there is one, and the decoder."""
        if not self.infers_by_chains:
            self.encoder = make_encoder(
                self.image_shape, self.encoder_filters, self.hidden_units, activation="relu"
            )
            self.posterior_head = keras.layers.Dense(
                2 * self.latent_dim, dtype="float32", name="posterior"
            )
        self.decoder = PixelCNN(
            self.image_shape,
            self.latent_dim,
            self.likelihood.num_parameters(self.image_shape[-1]),
            self.filters,
            self.num_blocks,
            self.kernel_size,
            self.first_kernel_size,
            self.position_embedding,
            name="decoder",
        )
        if not self.infers_by_chains:
            self.posterior_head.build((None, self.hidden_units))

    def _posterior_parameters(self, images, training=False):
        return self.posterior_head(self.encoder(images, training=training))

    def _decode(self, latents, context, training=False):
        """Returns the latents, one `[B, latent_dim]`: what the pixels' network is to see."""
        return latents[0]

    def _likelihood(self, parameters):
        """Returns p(x|z), a `PixelImage`."""
        return PixelImage(self.decoder, self.likelihood, parameters)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        likelihood = functools.partial(DiscretizedLogisticMixture, num_components=2)
        decoder = {"filters": 4, "num_blocks": 1, "kernel_size": 5, "first_kernel_size": 3}
        encoder = {"latent_dim": 3, "encoder_filters": (4,), "hidden_units": 8}
        sizes = {"position_embedding": True, **decoder, **encoder}
        energy = registry.examples("prior", image_shape)["EnergyPrior"]
        return {
            "": lambda: cls(image_shape, likelihood=likelihood(), **sizes),
            "energy": lambda: cls(image_shape, prior=energy(), **sizes),
            "short_run": lambda: cls(
                image_shape, inference="short_run", num_steps=2, step_size=0.2, **sizes
            ),
        }


class PixelImage:
    """p(x|z) of a PixelVAE: a distribution over images `[H, W, C]`, one a row of latents.

    Args:
        network: The `zoo.layers.PixelCNN`.
        pixels: The likelihood of a pixel given those before it.
        latents: Float32 `[B, latent_dim]`.
    """

    def __init__(self, network, pixels, latents):
        self._network = network
        self._pixels = pixels
        self._latents = tf.convert_to_tensor(latents)

    @property
    def batch_shape(self):
        """The shape `[B]`."""
        return self._latents.shape[:1]

    @property
    def event_shape(self):
        """The shape `[H, W, C]`."""
        return tf.TensorShape(self._network.image_shape)

    def log_prob(self, images):
        """Log-probability in nats, `[B]`, of images of which the nearest of 256 levels counts.

        Of Bernoulli pixels it is the cross-entropy, whatever the levels between 0 and 1.
        """
        levels = tf.round(255.0 * tf.convert_to_tensor(images)) / 255.0
        return self._pixels(self._network(levels, self._latents)).log_prob(levels)

    def sample(self, seed=None):
        """Draws one image a row, `[B, H, W, C]`; row i has the noise of row seed (a, b + i)."""
        return self.draw(random.RowNoise(random.row_seeds(seed, tf.shape(self._latents)[0])))

    def draw(self, noise):
        """Draws one image a row with noise of `zoo.random`, from a stream beside the latents'."""
        height, width, channels = self._network.image_shape
        shape = [height, width, self._pixels.num_uniforms(channels)]
        uniforms = noise.uniform(shape, stream=_PIXEL_STREAM)
        return sample_pixels(self._network, self._pixels, self._latents, uniforms)

    def mean(self):
        """Raises NotImplementedError: there is no mean in closed form."""
        raise NotImplementedError("A PixelVAE has no mean image in closed form: use sample().")


def _odd(name, size):
    if checks.integer(name, size) % 2 == 0:
        expected = "odd, so that a pixel has as many neighbours on either side"
        raise SettingError(name, expected, size)
    return size


def _check_likelihood(likelihood, channels):
    kind = type(likelihood).__name__
    if not likelihood.is_of_levels:
        raise ValueError(
            "PixelVAE draws pixels of 256 levels or binary ones: likelihood must be "
            "'discretized_logistic_mixture' or 'bernoulli', or one of your own with is_of_levels. "
            f"Received: likelihood={kind}"
        )
    if channels > 1 and not likelihood.couples_channels:
        raise ValueError(
            f"A PixelVAE of {kind} pixels models 1 channel: it would draw several without regard "
            "to each other. Pass likelihood='discretized_logistic_mixture', which models any "
            f"number. Received: {channels} channels"
        )
