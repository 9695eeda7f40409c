"""ConvDRAW (Gregor et al. 2016), the hierarchical model of Taming VAEs."""

import keras
import tensorflow as tf

from zoo.distributions import normals
from zoo.layers.conv_lstm import lstm_step
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.record import Posterior

__all__ = ["ConvDRAW"]


@keras.saving.register_keras_serializable("zoo")
class ConvDRAW(LatentImageModel):
    """Draws an image in T steps, each adding to a canvas what a group of latents says.

    With encoder state h^e, decoder state h^d and canvas r, for t = 1..T:

        e_t = x - mean(r_{t-1})
        h^e_t = LSTM(x, e_t, h^e_{t-1}, h^d_{t-1}),  z_t ~ q_t = N(h^e_t)
        prior p_t = N(h^d_{t-1})
        h^d_t = LSTM(z_t, r_{t-1}, h^d_{t-1}),       r_t = r_{t-1} + W h^d_t

    and the likelihood reads r_T. The prior of a step depends on the latents before it; the rate
    is Σ_t KL(q_t ‖ p_t), each term exact given the latents before it.

    All of it runs on a grid of patches, `[H / stride, W / stride, stride² · C]`, so that no
    step changes resolution. What does not change from step to step (the image's share of the
    encoder's gates) or is not needed inside the loop (the priors in training) is computed once.

    Args:
        image_shape: (height, width, channels), height and width divisible by `stride`.
        num_steps: T, at least 1.
        filters: Channels of the encoder's and of the decoder's state.
        latent_filters: Channels of each step's latents.
        kernel_size: Size of the convolutions on the grid of patches.
        stride: Edge of a patch, in pixels.
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`.

    Raises:
        ValueError: The image size is not divisible by the stride, or a number is below 1.

    Example:
        >>> model = zoo.ConvDRAW((28, 28, 1), num_steps=8)
        >>> objective = zoo.GECO(zoo.constraints.ReconstructionError(tolerance=0.1))
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=objective)
        >>> model.fit(images, epochs=10)
    """

    def __init__(
        self,
        image_shape,
        num_steps=8,
        filters=32,
        latent_filters=4,
        kernel_size=5,
        stride=4,
        likelihood="gaussian",
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, **kwargs)
        self.num_steps = num_steps
        self.filters = filters
        self.latent_filters = latent_filters
        self.kernel_size = kernel_size
        self.stride = stride
        _check_sizes(self.image_shape, stride, num_steps, filters, latent_filters, kernel_size)

        # === Layers ===
        height, width, channels = self.image_shape
        grid = (height // stride, width // stride)
        patch = channels * stride**2
        canvas = patch * self.likelihood.parameters_per_channel
        self._latent_shape = (*grid, latent_filters)
        self.image_gates = self._conv("image_gates", 4 * filters)
        self.encoder_gates = self._conv("encoder_gates", 4 * filters, use_bias=False)
        self.posterior_head = self._conv("posterior_head", 2 * latent_filters)
        self.prior_head = self._conv("prior_head", 2 * latent_filters)
        self.decoder_gates = self._conv("decoder_gates", 4 * filters)
        self.write = keras.layers.Conv2D(canvas, 1, name="write")

        # === Build ===
        self.initial_canvas = self.add_weight(
            name="initial_canvas", shape=(*grid, canvas), initializer="zeros", autocast=False
        )
        self.image_gates.build((None, *grid, patch))
        self.encoder_gates.build((None, *grid, patch + 2 * filters))
        self.posterior_head.build((None, *grid, filters))
        self.prior_head.build((None, *grid, filters))
        self.decoder_gates.build((None, *grid, latent_filters + canvas + filters))
        self.write.build((None, *grid, filters))
        self.built = True

    def _conv(self, name, filters, use_bias=True):
        return keras.layers.Conv2D(
            filters, self.kernel_size, padding="same", use_bias=use_bias, name=name
        )

    # === One step ===

    def _initial_state(self, num_rows):
        """Gives (canvas, decoder LSTM state) before step 1."""
        canvas = tf.broadcast_to(
            tf.convert_to_tensor(self.initial_canvas), [num_rows, *self.initial_canvas.shape]
        )
        return canvas, self._zero_lstm(num_rows)

    def _zero_lstm(self, num_rows):
        zeros = tf.zeros([num_rows, *self._latent_shape[:2], self.filters], self.compute_dtype)
        return zeros, zeros

    def _mean_on_grid(self, canvas):
        """The reconstruction that a canvas stands for, on the grid of patches."""
        mean = self._likelihood_of(canvas).mean()
        return tf.nn.space_to_depth(mean, self.stride)

    def _likelihood_of(self, canvas):
        return self.likelihood(tf.nn.depth_to_space(canvas, self.stride))

    def _encode_step(self, image_gates, patches, canvas, encoder, decoder):
        """Moves the encoder's state, given the canvas and the decoder's state before the step."""
        error = patches - self._mean_on_grid(canvas)
        seen = self._join(error, encoder[0], decoder[0])
        return lstm_step(image_gates + self.encoder_gates(seen), encoder)

    def _decode_step(self, latents, canvas, decoder):
        """Moves the decoder's state by a step's latents and draws on the canvas."""
        seen = self._join(latents, canvas, decoder[0])
        decoder = lstm_step(self.decoder_gates(seen), decoder)
        return canvas + tf.cast(self.write(decoder[0]), tf.float32), decoder

    def _join(self, *parts):
        return tf.concat([tf.cast(part, self.compute_dtype) for part in parts], axis=-1)

    # === The whole recursion ===

    def _walk_posterior(self, images, choose_latents):
        """Runs all steps with an encoder; `choose_latents(t, q_t)` gives each step's latents.

        Returns:
            Latents, posteriors q_t and the prior's parameters, a list of T each, and the canvas.
        """
        num_rows = tf.shape(images)[0]
        canvas, decoder = self._initial_state(num_rows)
        encoder = self._zero_lstm(num_rows)
        patches = tf.nn.space_to_depth(images, self.stride)
        image_gates = self.image_gates(patches)
        latents, posteriors, decoder_states = [], [], []
        for step in range(self.num_steps):
            encoder = self._encode_step(image_gates, patches, canvas, encoder, decoder)
            posterior = normals.normal_from_parameters(self.posterior_head(encoder[0]))
            decoder_states.append(decoder[0])
            posteriors.append(posterior)
            latents.append(choose_latents(step, posterior))
            canvas, decoder = self._decode_step(latents[-1], canvas, decoder)
        return latents, posteriors, self._priors(decoder_states), canvas

    def _walk_prior(self, num_rows, choose_latents):
        """Runs all steps without an encoder; `choose_latents(t, h^d_{t-1})` gives the latents.

        Returns:
            Latents, decoder states h^d_0 .. h^d_{T-1}, a list of T each, and the canvas.
        """
        canvas, decoder = self._initial_state(num_rows)
        latents, decoder_states = [], []
        for step in range(self.num_steps):
            decoder_states.append(decoder[0])
            latents.append(choose_latents(step, decoder[0]))
            canvas, decoder = self._decode_step(latents[-1], canvas, decoder)
        return latents, decoder_states, canvas

    def _priors(self, decoder_states):
        """Gives all p_t by one convolution over the stacked states."""
        parameters = self.prior_head(tf.concat(decoder_states, axis=0))
        return [normals.normal_from_parameters(p) for p in tf.split(parameters, self.num_steps)]

    # === What the base class asks for ===

    def draw_posterior(self, images, context, noise):
        """Draws z_t ~ q_t step by step; gives a `Posterior` with T groups of latents."""
        del context
        draws = tf.unstack(noise.normal([self.num_steps, *self._latent_shape]), axis=1)
        latents, posteriors, priors, canvas = self._walk_posterior(
            images, lambda step, posterior: posterior.loc + posterior.scale * draws[step]
        )
        pairs = list(zip(posteriors, priors, strict=True))
        return Posterior(
            latents=tuple(latents),
            rate=tf.add_n([normals.kl_divergence(q, p) for q, p in pairs]),
            log_posterior=_total_log_prob(posteriors, latents),
            log_prior=_total_log_prob(priors, latents),
            likelihood=self._likelihood_of(canvas),
        )

    def draw_prior(self, noise, temperature, context=None):
        """Draws z_t ~ p_t step by step: T tensors `[B, H / stride, W / stride, latent_filters]`."""
        del context
        draws = tf.unstack(noise.normal([self.num_steps, *self._latent_shape]), axis=1)

        def draw(step, decoder_state):
            prior = normals.normal_from_parameters(self.prior_head(decoder_state), temperature)
            return prior.loc + prior.scale * draws[step]

        return tuple(self._walk_prior(tf.shape(temperature)[0], draw)[0])

    def decode(self, latents, context=None):
        """Gives p(x|z) for T tensors `[B, H / stride, W / stride, latent_filters]`."""
        del context
        num_rows = tf.shape(latents[0])[0]
        return self._likelihood_of(self._walk_prior(num_rows, lambda step, _: latents[step])[-1])

    def log_prior(self, latents, context=None):
        """Gives Σ_t log p_t(z_t) in nats, `[B]`."""
        del context
        num_rows = tf.shape(latents[0])[0]
        _, decoder_states, _ = self._walk_prior(num_rows, lambda step, _: latents[step])
        return _total_log_prob(self._priors(decoder_states), latents)

    def log_posterior(self, latents, images, context=None):
        """Gives Σ_t log q_t(z_t) in nats, `[B]`."""
        del context
        _, posteriors, _, _ = self._walk_posterior(images, lambda step, _: latents[step])
        return _total_log_prob(posteriors, latents)


def _total_log_prob(distributions, latents):
    pairs = zip(distributions, latents, strict=True)
    return tf.add_n([normals.log_prob(distribution, z) for distribution, z in pairs])


def _check_sizes(image_shape, stride, num_steps, filters, latent_filters, kernel_size):
    sizes = {
        "num_steps": num_steps,
        "filters": filters,
        "latent_filters": latent_filters,
        "kernel_size": kernel_size,
        "stride": stride,
    }
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be an int of at least 1. Received: {name}={size!r}")
    if image_shape[0] % stride or image_shape[1] % stride:
        raise ValueError(
            f"ConvDRAW cuts images into patches of {stride} by {stride} pixels, so height and width "
            f"must be divisible by stride={stride}. Received: image_shape={image_shape}. Resize or "
            "pad the images, or pass another stride."
        )
