"""The search for ConvDRAW: a beam along its recursion, which sees what was chosen before."""

import functools
import typing

import numpy as np
import tensorflow as tf

from zoo.codec.layout import Layout
from zoo.codec.scores import best_rows, factors_of, rates_of
from zoo.distributions import normals
from zoo.layers import modulate

__all__ = ["DrawSearch"]


class DrawSearch:
    """Finds codes for `zoo.ConvDRAW`.

    A step's latents are a group. The recursion is walked with the chosen latents: the encoder sees
    what is still missing on the canvas, so later steps repair earlier choices. The `effort` partial
    codes of largest Σ log q/p are kept; of those that come to the end the one with the least true
    error is taken.

    Args:
        model: The model.
        decoder: Its `Decoder`.
        effort: Partial codes that are kept, the beam's width.
        tolerance: As in `Decoder`.
    """

    def __init__(self, model, decoder, effort, tolerance):
        self._model, self._decoder = model, decoder
        self._effort, self._tolerance = effort, tolerance
        methods = self._make_begin, self._make_look, self._make_draw
        self._begin, self._look, self._draw = (
            # Not the class's function, of which all codecs together would look to TensorFlow like
            # one that is traced over and over.
            tf.function(functools.partial(method), autograph=False, reduce_retracing=True)
            for method in methods
        )

    # === The recursion, a step at a time; every state is [positions, N, channels] ===

    def _make_begin(self, images, context):
        model = self._model
        num_rows = tf.shape(images)[0]
        nets = self._prepare(context, num_rows)
        canvas, decoder = model._initial_state(num_rows)
        patches = model._to_positions(tf.nn.space_to_depth(images, model.stride))
        gates = model._image_share(nets, patches)
        return gates, patches, canvas, model._zero_lstm(num_rows), decoder

    def _make_look(self, state, context, step):
        """Moves the encoder; returns the state, and q_t and p_t `[N, positions * channels]`."""
        model = self._model
        gates, patches, canvas, encoder, decoder = state
        nets = self._prepare(context, tf.shape(canvas)[1])
        encoder = model._encode_step(nets, gates, patches, canvas, encoder, decoder)
        of_posterior = modulate(nets.posterior_head(encoder[0]), nets.modulations.posterior)
        posterior = normals.normal_from_parameters(of_posterior)
        (of_prior,) = model._prior_parameters(nets, [decoder[0]], step)
        prior = normals.normal_from_parameters(of_prior)
        numbers = (posterior.loc, posterior.scale, prior.loc, prior.scale)
        return (gates, patches, canvas, encoder, decoder), [self._as_rows(x) for x in numbers]

    def _make_draw(self, state, latents, context):
        model = self._model
        gates, patches, canvas, encoder, decoder = state
        nets = self._prepare(context, tf.shape(canvas)[1])
        latents = tf.reshape(latents, [-1, model._num_positions, model.latent_filters])
        latents = tf.transpose(latents, [1, 0, 2])
        canvas, decoder = model._decode_step(nets, latents, canvas, decoder)
        return gates, patches, canvas, encoder, decoder

    def _prepare(self, context, num_rows):
        given = self._model._given(self._tolerance, num_rows)
        return self._model._prepare(context, given.get("tolerance"))

    def _as_rows(self, of_positions):
        rows = tf.transpose(of_positions, [1, 0, 2])
        return tf.reshape(rows, [-1, self._model._num_positions * self._model.latent_filters])

    def _step_of_context(self, context, step):
        return step if context is not None else 0  # Else every step is one graph.

    # === The search ===

    def layout(self, images, context):
        """Returns the layout for images like these: each step's share is that of its rate."""
        images, context = _constants(images, context)
        rng = np.random.default_rng(0)
        state, rates = self._begin(images, context), []
        for step in range(self._model.num_steps):
            place = self._step_of_context(context, step)
            state, numbers = self._look(state, context, place)
            mean, scale, *prior = (np.asarray(x) for x in numbers)
            rates.append(rates_of(mean, scale, *prior))
            noise = rng.standard_normal(mean.shape, np.float32)
            state = self._draw(state, tf.constant(mean + scale * noise), context)
        return Layout.of_rates(rates, units=self._model.latent_filters)

    def search(self, images, context, blocks, error):
        """Returns the rows of each block, `[N, blocks]`, and the noise they make, `[N, latents]`.

        As in `VectorSearch.search`.
        """
        num, steps = len(images), self._model.num_steps
        size = self._decoder.num_latents // steps
        images, context = _constants(images, context)
        state = self._begin(images, context)
        beam = _Beam(
            scores=np.zeros((num, 1), np.float32),
            rows=np.zeros((num, 1, 0), int),
            noise=np.zeros((num, 1, steps, size), np.float32),
            origins=None,
        )
        for step in range(steps):
            place = self._step_of_context(context, step)
            state, numbers = self._look(state, beam.repeat(context), place)
            numbers = [np.asarray(x) for x in numbers]
            factors = factors_of(*numbers)
            beam = beam._replace(origins=np.arange(beam.scores.size).reshape(num, -1))
            for block in (block for block in blocks if block.group == step):
                beam = beam.extended(block, factors, self._effort)
            origins = beam.origins.reshape(-1)
            drawn = beam.noise[:, :, step].reshape(-1, size)
            latents = numbers[2][origins] + numbers[3][origins] * drawn
            state = tf.nest.map_structure(lambda x, o=origins: tf.gather(x, o, axis=1), state)
            state = self._draw(state, tf.constant(latents), beam.repeat(context))
        width = beam.scores.shape[1]
        noise = beam.noise.reshape(num, width, -1)
        errors = error(noise.reshape(num * width, -1), width)
        best = errors.reshape(num, width).argmin(axis=1)
        return beam.rows[np.arange(num), best], noise[np.arange(num), best]


class _Beam(typing.NamedTuple):
    """Partial codes of N images, M of each.

    Attributes:
        scores: Σ log q/p of the rows, `[N, M]`.
        rows: Numbers of the rows chosen so far, `[N, M, blocks]`.
        noise: What they make, `[N, M, steps, latents of a step]`.
        origins: Which row of the recursion's state each goes on from, `[N, M]`.
    """

    scores: np.ndarray
    rows: np.ndarray
    noise: np.ndarray
    origins: np.ndarray | None

    def repeat(self, context):
        """Returns the context of each partial code, image by image."""
        return None if context is None else tf.repeat(context, self.scores.shape[1], axis=0)

    def extended(self, block, factors, width):
        """Returns the `width` best of all continuations by a row of the block."""
        num, beam = self.scores.shape
        origins = self.origins.reshape(-1)
        found, gained, book = best_rows(block, [factor[origins] for factor in factors], width)
        found, gained = found.reshape(num, beam, -1), gained.reshape(num, beam, -1)
        total = (self.scores[:, :, None] + gained).reshape(num, -1)
        best = np.argsort(-total, axis=1, kind="stable")[:, :width]
        parents, picks = np.divmod(best, found.shape[2])
        images = np.arange(num)[:, None]
        chosen = found[images, parents, picks]
        noise = self.noise[images, parents]
        noise[:, :, block.group, block.members] = book[chosen]
        return _Beam(
            scores=np.take_along_axis(total, best, axis=1),
            rows=np.concatenate([self.rows[images, parents], chosen[..., None]], axis=2),
            noise=noise,
            origins=self.origins[images, parents],
        )


def _constants(images, context):
    context = None if context is None else tf.constant(context, tf.float32)
    return tf.constant(images, tf.float32), context
