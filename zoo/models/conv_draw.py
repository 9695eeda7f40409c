"""ConvDRAW (Gregor et al. 2016), the hierarchical model of Taming VAEs."""

import functools

import keras
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.distributions import Gaussian, normals
from zoo.errors import MismatchError
from zoo.models.conv_networks import LAYOUT
from zoo.models.draw_context import ContextShares, check_shape
from zoo.models.draw_recursion import DrawRecursion
from zoo.models.global_latents import GlobalLatents
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.record import Inference
from zoo.models.redrawn_latents import RedrawnLatents

__all__ = ["ConvDRAW"]


@registry.register("architecture", package="zoo")
class ConvDRAW(DrawRecursion, RedrawnLatents, GlobalLatents, LatentImageModel):
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

    With `global_latents` it begins with a vector z_0 ~ q(z_0|x), of which the first canvas and the
    decoder's first state are made (`zoo.models.global_latents`); the rate has its share, too. The
    vector's prior may be a `zoo.MixturePrior`, whose share is that at the z_0 drawn.

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
        global_latents: Size of a vector of latents for the whole image, drawn before the first
            step, the first group of latents; None for none. Not with a context or a range.
        prior: That of the vector: `"standard_normal"` or a `zoo.MixturePrior`.

    Raises:
        ValueError: The image size is not divisible by the stride, a number is below 1, the context
            has not the size of the images, the range is none, or arguments exclude each other.

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
        global_latents=None,
        prior="standard_normal",
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
        self._set_global_latents(global_latents, prior)

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
        self._add_global_networks(grid, filters, canvas)
        self.built = True

    @property
    def _latent_shapes(self):
        of_steps = [(*self._grid, self.latent_filters)] * self.num_steps
        return of_steps if self.global_latents is None else [(self.global_latents,), *of_steps]

    @property
    def _noise_shapes(self):
        of_steps = (self.num_steps, self._num_positions, self.latent_filters)
        return [of_steps] if self.global_latents is None else [of_steps, (self.global_latents,)]

    def _conv(self, name, filters, use_bias=True):
        layout = {"padding": "same", "data_format": LAYOUT}
        return keras.layers.Conv2D(
            filters, self.kernel_size, use_bias=use_bias, name=name, **layout
        )

    # === What the base class asks for ===

    def _infer(self, images, context, noise, training=False, tolerance=None):
        """Draws z_t ~ q_t step by step; returns an `Inference` with z_0 and T groups of latents."""
        draws = self._draws(noise)
        vector, of_vector = self._infer_global(images, noise)
        latents, posteriors, priors, canvas = self._walk_posterior(
            images,
            context,
            tolerance,
            vector,
            lambda step, posterior: posterior.loc + posterior.scale * draws[step],
        )
        return Inference(
            latents=self._groups(vector, latents),
            rate=normals.kl_divergence(posteriors, priors) + of_vector["rate"],
            log_posterior=normals.log_prob(posteriors, latents) + of_vector["log_posterior"],
            log_prior=normals.log_prob(priors, latents) + of_vector["log_prior"],
            parameters=self._parameters_on(canvas),
        )

    def _generate(self, noise, temperature, context, tolerance=None):
        """Draws z_t ~ p_t step by step; the latents are T groups, after z_0."""
        nets = self._prepare(context, tolerance)
        vector = self._draw_global(noise, temperature)
        draw = self._prior_draws(nets, noise, temperature)
        latents, _, canvas = self._walk_prior(nets, tf.shape(temperature)[0], vector, draw)
        return self._groups(vector, latents), self._parameters_on(canvas)

    def _redraw(self, latents, num_kept, noise, temperature, context, tolerance=None):
        """Keeps the first `num_kept` groups, z_0 the first of them, and draws z_t ~ p_t after."""
        nets = self._prepare(context, tolerance)
        draw = self._prior_draws(nets, noise, temperature)
        vector, of_steps = self._split(latents)
        given = [self._to_positions(group) for group in of_steps]
        num_steps_kept = num_kept - (len(latents) - len(of_steps))

        def choose(step, decoder_state):
            return tf.where(step < num_steps_kept, given[step], draw(step, decoder_state))

        latents, *_ = self._walk_prior(nets, tf.shape(temperature)[0], vector, choose)
        return self._groups(vector, latents)

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
        """Returns the likelihood's parameters for T `[B, h, w, latent_filters]`, after z_0."""
        *_, canvas = self._walk_given(*self._split(latents), context, tolerance)
        return self._parameters_on(canvas)

    def _log_prior(self, latents, context, tolerance=None):
        """Returns Σ_t log p_t(z_t) in nats, `[B]`."""
        vector, of_steps = self._split(latents)
        nets, latents, states, _ = self._walk_given(vector, of_steps, context, tolerance)
        of_vector = self._log_prior_of_global(vector)
        return normals.log_prob(self._priors(nets, states), latents) + of_vector

    def _noise_of(self, latents, context):
        """Returns the noise of all steps, `[B, T, positions, latent_filters]`, and z_0."""
        vector, of_steps = self._split(latents)
        nets, latents, states, _ = self._walk_given(vector, of_steps, context, tolerance=None)
        priors = self._priors(nets, states)
        noise = tf.reshape((latents - priors.loc) / priors.scale, [-1, *self._noise_shapes[0]])
        return (noise,) if vector is None else (noise, vector)

    def _log_posterior(self, latents, images, context, tolerance=None):
        """Returns Σ_t log q_t(z_t) in nats, `[B]`."""
        vector, of_steps = self._split(latents)
        given = [self._to_positions(group) for group in of_steps]
        latents, posteriors, _, _ = self._walk_posterior(
            images, context, tolerance, vector, lambda step, _: given[step]
        )
        of_vector = self._log_posterior_of_global(vector, images)
        return normals.log_prob(posteriors, latents) + of_vector

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        likelihood = functools.partial(Gaussian, mean="linear", decay=0.9)
        sizes = {"filters": 4, "latent_filters": 2, "kernel_size": 3, "stride": 2}
        context = {"context_shape": (*image_shape[:2], 1)}
        tolerances = {"tolerance_range": (0.3, 0.6)}
        mixture = registry.examples("prior", image_shape)["MixturePrior"]
        return {
            "": lambda: cls(image_shape, num_steps=2, likelihood=likelihood(), **sizes),
            "conditional": lambda: cls(image_shape, num_steps=2, **sizes, **context),
            "range": lambda: cls(image_shape, num_steps=2, **sizes, **tolerances),
            "conditional_range": lambda: cls(
                image_shape, num_steps=2, prior_filters=3, **sizes, **context, **tolerances
            ),
            "global": lambda: cls(
                image_shape, num_steps=2, global_latents=3, prior=mixture(), **sizes
            ),
        }


def _check_divisible(image_shape, stride):
    if image_shape[0] % stride or image_shape[1] % stride:
        raise MismatchError(
            "image_shape",
            f"ConvDRAW, which cuts images into patches of {stride} by {stride} pixels, to get an "
            f"$image_shape of height and width divisible by stride={stride}",
            f"image_shape={image_shape}",
            "resize or pad the images, or pass another stride",
        )
