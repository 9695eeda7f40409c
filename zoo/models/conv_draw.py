"""ConvDRAW (Gregor et al. 2016), the hierarchical model of Taming VAEs."""

import functools
import types

import keras
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.distributions import Gaussian, normals
from zoo.errors import MismatchError
from zoo.layers import forget_bias, grid_convolution, lstm_step, modulate, rescale
from zoo.models.conv_networks import LAYOUT
from zoo.models.draw_context import NO_SHARES, ContextShares, add_share, check_shape
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.record import Inference
from zoo.models.redrawn_latents import RedrawnLatents

__all__ = ["ConvDRAW"]

# What a model without a range of tolerances does to its hidden states: nothing.
_NO_MODULATIONS = types.SimpleNamespace(encoder=None, decoder=None, posterior=None, prior=None)


@registry.register("architecture", package="zoo")
class ConvDRAW(RedrawnLatents, LatentImageModel):
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
    encoder's gates, the weights' transform and cast) or is not needed inside the loop (the priors
    and the rate in training) is computed once. States, canvas and latents are float32 under any
    policy, and laid out `[positions, B, channels]`: see `zoo.layers.grid_convolution`.

    A conditional model is a model of images given context images: these are encoded once and enter
    both LSTMs and the prior at every step (`zoo.models.draw_context`).

    Args:
        image_shape: (height, width, channels), height and width divisible by `stride`.
        num_steps: T, at least 1.
        filters: Channels of the encoder's and of the decoder's state.
        latent_filters: Channels of each step's latents.
        kernel_size: Size of the convolutions on the grid of patches.
        stride: Edge of a patch, in pixels.
        likelihood: Name of a likelihood or a `zoo.distributions.Likelihood`.
        context_shape: (height, width, channels) of the context images of a conditional model,
            height and width those of the images; None for a model without context.
        tolerance_range: As in `zoo.LatentImageModel`; κ scales and shifts the channels of both
            LSTMs' gates, of the posterior and of the prior, alike in every step.
        prior_filters: Channels of the prior's hidden layer, a convolution with SiLUs of the
            decoder's state; None for a prior that is one convolution of it. With a hidden layer a
            step's latents depend on what was drawn twice as far away, and state and context meet.

    Raises:
        ValueError: The image size is not divisible by the stride, a number is below 1, the context
            has not the size of the images, or the range is none.

    Example:
        >>> model = zoo.ConvDRAW((28, 28, 1), num_steps=8)
        >>> objective = zoo.GECO(zoo.constraints.ReconstructionError(tolerance=0.1))
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=objective)
        >>> model.fit(images, epochs=10)
    """

    citations = (papers.CONV_DRAW,)

    def __init__(
        self,
        image_shape,
        num_steps=8,
        filters=32,
        latent_filters=4,
        kernel_size=5,
        stride=4,
        likelihood="gaussian",
        context_shape=None,
        tolerance_range=None,
        prior_filters=None,
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, context_shape, tolerance_range, **kwargs)
        self.num_steps = checks.integer("num_steps", num_steps)
        self.filters = checks.integer("filters", filters)
        self.latent_filters = checks.integer("latent_filters", latent_filters)
        self.kernel_size = checks.integer("kernel_size", kernel_size)
        self.stride = checks.integer("stride", stride)
        self.prior_filters = (
            None if prior_filters is None else checks.integer("prior_filters", prior_filters)
        )
        _check_divisible(self.image_shape, stride)
        check_shape(self.context_shape, self.image_shape)

        # === Layers ===
        height, width, channels = self.image_shape
        grid = (height // stride, width // stride)
        patch = channels * stride**2
        canvas = self.likelihood.num_parameters(channels) * stride**2
        self._grid = grid
        self._num_positions = grid[0] * grid[1]
        self.image_gates = self._conv("image_gates", 4 * filters)
        self.encoder_gates = self._conv("encoder_gates", 4 * filters, use_bias=False)
        self.posterior_head = self._conv("posterior_head", 2 * latent_filters)
        if prior_filters is not None:
            self.prior_hidden = self._conv("prior_hidden", prior_filters)
        self.prior_head = self._conv("prior_head", 2 * latent_filters)
        self.decoder_gates = self._conv("decoder_gates", 4 * filters)
        self.write = keras.layers.Conv2D(canvas, 1, data_format=LAYOUT, name="write")
        if self.context_shape is not None:
            of_prior = prior_filters or 2 * latent_filters
            sizes = (num_steps, stride, filters, of_prior, kernel_size)
            self.context_shares = ContextShares(self.context_shape, *sizes, name="context_shares")

        # === Build ===
        self.initial_canvas = self.add_weight(
            name="initial_canvas", shape=(*grid, canvas), initializer="zeros", autocast=False
        )
        self.image_gates.build((None, *grid, patch))
        self.encoder_gates.build((None, *grid, patch + 2 * filters))
        self.posterior_head.build((None, *grid, filters))
        if prior_filters is not None:
            self.prior_hidden.build((None, *grid, filters))
        self.prior_head.build((None, *grid, prior_filters or filters))
        self.decoder_gates.build((None, *grid, latent_filters + canvas + filters))
        self.write.build((None, *grid, filters))
        gates, head = 4 * filters, 2 * latent_filters
        self._add_tolerance_input(
            {"encoder": gates, "decoder": gates, "posterior": head, "prior": head}
        )
        self.built = True

    @property
    def _latent_shapes(self):
        return [(*self._grid, self.latent_filters)] * self.num_steps

    @property
    def _noise_shapes(self):
        return [(self.num_steps, self._num_positions, self.latent_filters)]

    def _conv(self, name, filters, use_bias=True):
        layout = {"padding": "same", "data_format": LAYOUT}
        return keras.layers.Conv2D(
            filters, self.kernel_size, use_bias=use_bias, name=name, **layout
        )

    def _prepare(self, context, tolerance):
        """Makes the convolutions ready for all steps: functions of `[positions, B, channels]`.

        With them come the context's shares in what they give, `[positions, B, channels]` too, and
        the tolerance's modulations of them.
        """
        on_grid = functools.partial(grid_convolution, grid=self._grid, shared={})

        return types.SimpleNamespace(
            image_gates=on_grid(self.image_gates, extra_bias=forget_bias(self.filters)),
            encoder_gates=on_grid(self.encoder_gates),
            posterior_head=on_grid(self.posterior_head),
            prior_hidden=None if self.prior_filters is None else on_grid(self.prior_hidden),
            prior_head=on_grid(self.prior_head),
            decoder_gates=on_grid(self.decoder_gates, extra_bias=forget_bias(self.filters)),
            write=on_grid(self.write),
            shares=NO_SHARES if context is None else self.context_shares.shares(context),
            modulations=self._modulations(tolerance) or _NO_MODULATIONS,
        )

    # === Layouts ===

    def _to_positions(self, maps):
        """Lays `[B, h, w, channels]` out as `[positions, B, channels]`."""
        rows = tf.reshape(maps, [-1, self._num_positions, maps.shape[-1]])
        return tf.transpose(rows, [1, 0, 2])

    def _to_maps(self, steps):
        """Lays a list of T tensors `[positions, B, channels]` out as `[B, T, h, w, channels]`."""
        rows = tf.transpose(tf.stack(steps), [2, 0, 1, 3])
        return tf.reshape(rows, [-1, len(steps), *self._grid, rows.shape[-1]])

    def _draws(self, noise):
        """Draws standard normal numbers, a list of T tensors `[positions, B, latent_filters]`."""
        draws = noise.normal(self._noise_shapes[0])
        return tf.unstack(tf.transpose(draws, [1, 2, 0, 3]))

    # === One step ===

    def _initial_state(self, num_rows):
        """Returns (canvas, decoder LSTM state) before step 1."""
        canvas = tf.convert_to_tensor(self.initial_canvas)
        canvas = tf.reshape(canvas, [self._num_positions, 1, -1])
        shape = [self._num_positions, num_rows, canvas.shape[-1]]
        return tf.broadcast_to(canvas, shape), self._zero_lstm(num_rows)

    def _zero_lstm(self, num_rows):
        zeros = tf.zeros([self._num_positions, num_rows, self.filters])
        return zeros, zeros

    def _mean_on_grid(self, canvas):
        """The reconstruction that a canvas stands for, as patches `[positions, B, channels]`."""
        depth = self.likelihood.num_parameters(self.image_shape[-1])
        # A likelihood gives means of pixels of any layout, so they may lie as they do here.
        pixels = tf.reshape(canvas, [self._num_positions, -1, self.stride**2, depth])
        mean = self.likelihood(pixels).mean()
        return tf.reshape(mean, [self._num_positions, -1, self.stride**2 * self.image_shape[-1]])

    def _parameters_on(self, canvas):
        """The likelihood's parameters that a canvas stands for, `[B, H, W, num_parameters]`."""
        return tf.nn.depth_to_space(self._to_maps([canvas])[:, 0], self.stride)

    @staticmethod
    def _image_share(nets, patches):
        """The image's share of the encoder's gates, the same in every step; with the shift by κ."""
        gates = add_share(nets.image_gates(patches), nets.shares.encoder_gates)
        return modulate(gates, nets.modulations.encoder)

    def _encode_step(self, nets, image_gates, patches, canvas, encoder, decoder):
        """Moves the encoder's state, given the canvas and the decoder's state before the step."""
        error = patches - self._mean_on_grid(canvas)
        seen = tf.concat([error, encoder[0], decoder[0]], axis=-1)
        gates = image_gates + rescale(nets.encoder_gates(seen), nets.modulations.encoder)
        return lstm_step(gates, encoder)

    def _decode_step(self, nets, latents, canvas, decoder):
        """Moves the decoder's state by a step's latents and draws on the canvas."""
        seen = tf.concat([latents, canvas, decoder[0]], axis=-1)
        gates = add_share(nets.decoder_gates(seen), nets.shares.decoder_gates)
        decoder = lstm_step(modulate(gates, nets.modulations.decoder), decoder)
        return canvas + nets.write(decoder[0]), decoder

    # === The whole recursion ===

    def _walk_posterior(self, images, context, tolerance, choose_latents):
        """Runs all steps with an encoder; `choose_latents(t, q_t)` gives each step's latents.

        Returns:
            Latents `[B, T, h, w, latent_filters]`, the posteriors q and the priors p over them,
            and the last canvas.
        """
        nets = self._prepare(context, tolerance)
        num_rows = tf.shape(images)[0]
        canvas, decoder = self._initial_state(num_rows)
        encoder = self._zero_lstm(num_rows)
        patches = self._to_positions(tf.nn.space_to_depth(images, self.stride))
        image_gates = self._image_share(nets, patches)
        latents, posteriors, decoder_states = [], [], []
        for step in range(self.num_steps):
            encoder = self._encode_step(nets, image_gates, patches, canvas, encoder, decoder)
            parameters = modulate(nets.posterior_head(encoder[0]), nets.modulations.posterior)
            posteriors.append(parameters)
            decoder_states.append(decoder[0])
            latents.append(choose_latents(step, normals.normal_from_parameters(parameters)))
            canvas, decoder = self._decode_step(nets, latents[-1], canvas, decoder)
        posteriors = normals.normal_from_parameters(self._to_maps(posteriors))
        return self._to_maps(latents), posteriors, self._priors(nets, decoder_states), canvas

    def _walk_prior(self, nets, num_rows, choose_latents):
        """Runs all steps without an encoder; `choose_latents(t, h^d_{t-1})` gives the latents.

        Returns:
            Latents `[B, T, h, w, latent_filters]`, decoder states h^d_0 .. h^d_{T-1} (a list), and
            the last canvas.
        """
        canvas, decoder = self._initial_state(num_rows)
        latents, decoder_states = [], []
        for step in range(self.num_steps):
            decoder_states.append(decoder[0])
            latents.append(choose_latents(step, decoder[0]))
            canvas, decoder = self._decode_step(nets, latents[-1], canvas, decoder)
        return self._to_maps(latents), decoder_states, canvas

    def _walk_given(self, latents, context, tolerance):
        """Runs all steps without an encoder on T given tensors `[B, h, w, latent_filters]`."""
        nets = self._prepare(context, tolerance)
        given = [self._to_positions(group) for group in latents]
        num_rows = tf.shape(latents[0])[0]
        return nets, *self._walk_prior(nets, num_rows, lambda step, _: given[step])

    def _priors(self, nets, decoder_states):
        """Returns p over all latents, given h^d_0 .. h^d_{T-1}."""
        parameters = self._prior_parameters(nets, decoder_states)
        return normals.normal_from_parameters(self._to_maps(parameters))

    @staticmethod
    def _prior_parameters(nets, decoder_states, first_step=0):
        """Returns the priors' parameters of successive steps, of a list of states before each."""
        steps = range(first_step, first_step + len(decoder_states))
        outputs = _of_all(nets.prior_hidden or nets.prior_head, decoder_states)
        outputs = [
            add_share(output, nets.shares.prior(step))
            for step, output in zip(steps, outputs, strict=True)
        ]
        if nets.prior_hidden is not None:
            outputs = _of_all(nets.prior_head, [tf.nn.silu(output) for output in outputs])
        return [modulate(output, nets.modulations.prior) for output in outputs]

    # === What the base class asks for ===

    def _infer(self, images, context, noise, training=False, tolerance=None):
        """Draws z_t ~ q_t step by step; returns an `Inference` with T groups of latents."""
        draws = self._draws(noise)
        latents, posteriors, priors, canvas = self._walk_posterior(
            images,
            context,
            tolerance,
            lambda step, posterior: posterior.loc + posterior.scale * draws[step],
        )
        return Inference(
            latents=tuple(tf.unstack(latents, axis=1)),
            rate=normals.kl_divergence(posteriors, priors),
            log_posterior=normals.log_prob(posteriors, latents),
            log_prior=normals.log_prob(priors, latents),
            parameters=self._parameters_on(canvas),
        )

    def _generate(self, noise, temperature, context, tolerance=None):
        """Draws z_t ~ p_t step by step; the latents are T groups."""
        nets = self._prepare(context, tolerance)
        draw = self._prior_draws(nets, noise, temperature)
        latents, _, canvas = self._walk_prior(nets, tf.shape(temperature)[0], draw)
        return tuple(tf.unstack(latents, axis=1)), self._parameters_on(canvas)

    def _redraw(self, latents, num_kept, noise, temperature, context, tolerance=None):
        """Draws z_t ~ p_t from step `num_kept` on; those before are given."""
        nets = self._prepare(context, tolerance)
        draw = self._prior_draws(nets, noise, temperature)
        given = [self._to_positions(group) for group in latents]

        def choose(step, decoder_state):
            return tf.where(step < num_kept, given[step], draw(step, decoder_state))

        latents, *_ = self._walk_prior(nets, tf.shape(temperature)[0], choose)
        return tuple(tf.unstack(latents, axis=1))

    def _prior_draws(self, nets, noise, temperature):
        """Returns a function from a step and h^d_{t-1} to a draw of p_t."""
        draws = self._draws(noise)
        row_temperature = tf.reshape(temperature, [-1, 1])

        def draw(step, decoder_state):
            (parameters,) = self._prior_parameters(nets, [decoder_state], step)
            prior = normals.normal_from_parameters(parameters)
            return prior.loc + row_temperature * prior.scale * draws[step]

        return draw

    def _decode(self, latents, context, tolerance=None):
        """Returns the likelihood's parameters for T `[B, h, w, latent_filters]`."""
        *_, canvas = self._walk_given(latents, context, tolerance)
        return self._parameters_on(canvas)

    def _log_prior(self, latents, context, tolerance=None):
        """Returns Σ_t log p_t(z_t) in nats, `[B]`."""
        nets, latents, decoder_states, _ = self._walk_given(latents, context, tolerance)
        return normals.log_prob(self._priors(nets, decoder_states), latents)

    def _noise_of(self, latents, context):
        """Returns the noise of all steps, `[B, T, positions, latent_filters]`."""
        nets, latents, decoder_states, _ = self._walk_given(latents, context, tolerance=None)
        priors = self._priors(nets, decoder_states)
        noise = (latents - priors.loc) / priors.scale
        return (tf.reshape(noise, [-1, *self._noise_shapes[0]]),)

    def _log_posterior(self, latents, images, context, tolerance=None):
        """Returns Σ_t log q_t(z_t) in nats, `[B]`."""
        given = [self._to_positions(group) for group in latents]
        latents, posteriors, _, _ = self._walk_posterior(
            images, context, tolerance, lambda step, _: given[step]
        )
        return normals.log_prob(posteriors, latents)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        likelihood = functools.partial(Gaussian, mean="linear", decay=0.9)
        sizes = {"filters": 4, "latent_filters": 2, "kernel_size": 3, "stride": 2}
        context = {"context_shape": (*image_shape[:2], 1)}
        tolerances = {"tolerance_range": (0.3, 0.6)}
        return {
            "": lambda: cls(image_shape, num_steps=2, likelihood=likelihood(), **sizes),
            "conditional": lambda: cls(image_shape, num_steps=2, **sizes, **context),
            "range": lambda: cls(image_shape, num_steps=2, **sizes, **tolerances),
            "conditional_range": lambda: cls(
                image_shape, num_steps=2, prior_filters=3, **sizes, **context, **tolerances
            ),
        }


def _of_all(network, states):
    """Returns a network's output for each of several states, computed at once along the batch."""
    return tf.split(network(tf.concat(states, axis=1)), len(states), axis=1)


def _check_divisible(image_shape, stride):
    if image_shape[0] % stride or image_shape[1] % stride:
        raise MismatchError(
            "image_shape",
            f"ConvDRAW, which cuts images into patches of {stride} by {stride} pixels, to get an "
            f"$image_shape of height and width divisible by stride={stride}",
            f"image_shape={image_shape}",
            "resize or pad the images, or pass another stride",
        )
