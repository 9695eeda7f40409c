"""The recursion of ConvDRAW on its grid of patches: one step, and walks of all of them."""

import functools
import types

import tensorflow as tf

from zoo.distributions import normals
from zoo.layers import forget_bias, grid_convolution, lstm_step, modulate, rescale
from zoo.models.draw_context import NO_SHARES, add_share

__all__ = ["DrawRecursion"]

# What a model without a range of tolerances does to its hidden states: nothing.
_NO_MODULATIONS = types.SimpleNamespace(encoder=None, decoder=None, posterior=None, prior=None)


class DrawRecursion:
    """The steps of `zoo.ConvDRAW`, whose layers and sizes it asks for.

    States, canvas and latents are `[positions, B, channels]`: see `zoo.layers.grid_convolution`.
    """

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

    def _initial_state(self, num_rows, vector=None):
        """Returns (canvas, decoder LSTM state) before step 1, of z_0 `[B, d]` if there is one."""
        canvas = tf.convert_to_tensor(self.initial_canvas)
        canvas = tf.reshape(canvas, [self._num_positions, 1, -1])
        shape = [self._num_positions, num_rows, canvas.shape[-1]]
        if vector is None:
            return tf.broadcast_to(canvas, shape), self._zero_lstm(num_rows)
        share, state = self.global_networks.start(vector)
        return canvas + self._to_positions(share), tuple(map(self._to_positions, state))

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

    def _walk_posterior(self, images, context, tolerance, vector, choose_latents):
        """Runs all steps with an encoder; `choose_latents(t, q_t)` gives each step's latents.

        `vector` is z_0, `[B, d]`, of a model that begins with it, or None.

        Returns:
            Latents `[B, T, h, w, latent_filters]`, the posteriors q and the priors p over them,
            and the last canvas.
        """
        nets = self._prepare(context, tolerance)
        num_rows = tf.shape(images)[0]
        canvas, decoder = self._initial_state(num_rows, vector)
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

    def _walk_prior(self, nets, num_rows, vector, choose_latents):
        """Runs all steps without an encoder; `choose_latents(t, h^d_{t-1})` gives the latents.

        Returns:
            Latents `[B, T, h, w, latent_filters]`, decoder states h^d_0 .. h^d_{T-1} (a list), and
            the last canvas.
        """
        canvas, decoder = self._initial_state(num_rows, vector)
        latents, decoder_states = [], []
        for step in range(self.num_steps):
            decoder_states.append(decoder[0])
            latents.append(choose_latents(step, decoder[0]))
            canvas, decoder = self._decode_step(nets, latents[-1], canvas, decoder)
        return self._to_maps(latents), decoder_states, canvas

    def _walk_given(self, vector, latents, context, tolerance):
        """Runs all steps without an encoder on T given `[B, h, w, latent_filters]`, after z_0."""
        nets = self._prepare(context, tolerance)
        given = [self._to_positions(group) for group in latents]
        num_rows = tf.shape(latents[0])[0]
        return nets, *self._walk_prior(nets, num_rows, vector, lambda step, _: given[step])

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


def _of_all(network, states):
    """Returns a network's output for each of several states, computed at once along the batch."""
    return tf.split(network(tf.concat(states, axis=1)), len(states), axis=1)
