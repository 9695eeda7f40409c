"""Real NVP: a density made of invertible couplings (Dinh, Sohl-Dickstein & Bengio 2017)."""

import math

import keras
import numpy as np
import tensorflow as tf

from zoo import checks
from zoo.configured import Configured

__all__ = ["RealNVP"]


@keras.saving.register_keras_serializable("zoo")
class RealNVP(Configured, keras.layers.Layer):
    """An invertible map z = f(ε; h) of noise ε ~ N(0, I), with the exact density of z.

    Density estimation using Real NVP (Dinh et al. 2017), Sections 3.2-3.4. Each affine coupling
    moves one half of the latents by a shift and a scale that a small dense network makes of the
    other half and of the condition h; the next coupling moves the other half. After every two
    couplings, which have moved all latents, other halves are chosen by fixed masks, such that
    after 2 log2(dim) couplings any two latents have been in different halves [choice].

    It starts as the identity, for the networks' last layers start at 0. Log-scales are bent
    smoothly into (-log_scale_bound, log_scale_bound), so that no coupling overflows or loses its
    inverse [choice].

    Without a condition it can be a prior: `zoo.NVPVAE` has it as a posterior and, if asked, as a
    prior, too. It computes in float32 whatever the precision policy, because its inverse is as
    exact as its arithmetic; `dtype="float64"` works as well.

    Args:
        dim: Number of latents, at least 2.
        num_couplings: Number of couplings; with one alone, half of the latents would not move.
        hidden_units: Units of each hidden layer of a coupling's network.
        condition_dim: Width of the condition, or None for an unconditional density.
        log_scale_bound: Of a coupling's log-scales, positive.

    Raises:
        ValueError: A size is not an int, or too small; the bound is not positive and finite.

    Example:
        >>> flow = zoo.distributions.RealNVP(2, num_couplings=6, condition_dim=3)
        >>> z, log_det = flow.forward(tf.random.normal([5, 2]), tf.ones([5, 3]))
        >>> flow.log_prob(z, tf.ones([5, 3]))  # nats, [5]
    """

    keras_arguments = ("name", "trainable", "dtype")

    def __init__(
        self,
        dim,
        num_couplings=8,
        hidden_units=(64, 64),
        condition_dim=None,
        log_scale_bound=2.0,
        **kwargs,
    ):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.dim = checks.integer("dim", dim, least=2)
        self.num_couplings = checks.integer("num_couplings", num_couplings)
        self.hidden_units = checks.integers("hidden_units", hidden_units)
        self.condition_dim = condition_dim
        if condition_dim is not None:
            checks.integer("condition_dim", condition_dim)
        self.log_scale_bound = checks.number("log_scale_bound", log_scale_bound, above=0)
        self._masks = _alternating_masks(dim, num_couplings).astype(self.compute_dtype)

        # === Layers ===
        self.networks = [
            _CouplingNetwork(dim, self.hidden_units, dtype=self.dtype_policy, name=f"coupling_{i}")
            for i in range(num_couplings)
        ]
        if condition_dim is not None:
            # The first layers of all networks see the same condition: one product serves them.
            self.condition_layer = keras.layers.Dense(
                num_couplings * self.hidden_units[0],
                use_bias=False,
                kernel_initializer="lecun_normal",
                dtype=self.dtype_policy,
                name="condition",
            )
            self.condition_layer.build((None, condition_dim))
        self.built = True

    def forward(self, noise, condition=None):
        """Maps noise to latents.

        Args:
            noise: ε, `[B, dim]`.
            condition: h, `[B, condition_dim]`, of a conditional density.

        Returns:
            z, `[B, dim]`, and log |det ∂z/∂ε| in nats, `[B]`.

        Raises:
            ValueError: A wrong shape, or a condition that is missing or not wanted.
        """
        z = self._as_rows(noise, "noise", self.dim)
        log_scales = []
        for coupling, seen in enumerate(self._seen_conditions(condition)):
            shift, log_scale = self._affine(coupling, z, seen)
            z = z * tf.exp(log_scale) + shift
            log_scales.append(log_scale)
        return z, tf.reduce_sum(tf.add_n(log_scales), axis=1)

    def inverse(self, latents, condition=None):
        """Maps latents back to their noise.

        Args:
            latents: z, `[B, dim]`.
            condition: h, `[B, condition_dim]`, of a conditional density.

        Returns:
            ε, `[B, dim]`, and log |det ∂ε/∂z| in nats, `[B]`.

        Raises:
            ValueError: A wrong shape, or a condition that is missing or not wanted.
        """
        z = self._as_rows(latents, "latents", self.dim)
        log_scales = []
        for coupling, seen in reversed(list(enumerate(self._seen_conditions(condition)))):
            # What a coupling's network sees, the coupling has not moved.
            shift, log_scale = self._affine(coupling, z, seen)
            z = (z - shift) * tf.exp(-log_scale)
            log_scales.append(log_scale)
        return z, -tf.reduce_sum(tf.add_n(log_scales), axis=1)

    def log_prob(self, latents, condition=None):
        """Returns the log-density of z in nats, `[B]`; arguments as in `inverse`."""
        noise, log_det = self.inverse(latents, condition)
        return self.log_prob_of_noise(noise) + log_det

    def log_prob_of_noise(self, noise):
        """Returns log N(ε; 0, I) in nats, `[B]`."""
        constant = self.dim * math.log(2.0 * math.pi)
        return -0.5 * (tf.reduce_sum(noise**2, axis=1) + constant)

    def _affine(self, coupling, z, seen_condition):
        """Returns a coupling's shift and log-scale, `[B, dim]`; 0 where it moves nothing.

        Masked so, halves need no cutting out, dealing and joining, which would cost more than the
        idle half of these small products.
        """
        is_moved = self._masks[coupling]
        kept = (1.0 - is_moved) * z
        shift, log_scale = self.networks[coupling](kept, seen_condition)
        bound = self.log_scale_bound
        return is_moved * shift, is_moved * (bound * tf.tanh(log_scale / bound))

    def _seen_conditions(self, condition):
        """What each network adds in its first layer, `[B, hidden_units[0]]` or None: a list."""
        if (condition is None) != (self.condition_dim is None):
            raise ValueError(
                "This RealNVP was made without condition_dim, so it takes no condition."
                if self.condition_dim is None
                else f"This RealNVP needs a condition, [batch, {self.condition_dim}]."
            )
        if condition is None:
            return [None] * self.num_couplings
        condition = self._as_rows(condition, "condition", self.condition_dim)
        return tf.split(self.condition_layer(condition), self.num_couplings, axis=1)

    def _as_rows(self, values, name, width):
        values = tf.cast(tf.convert_to_tensor(values), self.compute_dtype)
        if values.shape.rank != 2 or values.shape[1] != width:
            raise ValueError(
                f"RealNVP takes {name} of shape [batch, {width}]. Received: {tuple(values.shape)}"
            )
        return values


class _CouplingNetwork(keras.layers.Layer):
    """Makes a shift and an unbounded log-scale, each `[B, dim]`, at first both 0.

    Its activation is smooth, and so is the density: ReLU would put creases in it.
    """

    def __init__(self, dim, hidden_units, **kwargs):
        super().__init__(**kwargs)
        names = [f"hidden_{i}" for i in range(len(hidden_units))]
        self.hidden_layers = [
            keras.layers.Dense(units, dtype=self.dtype_policy, name=name)
            for units, name in zip(hidden_units, names, strict=True)
        ]
        self.output_layer = keras.layers.Dense(
            2 * dim, kernel_initializer="zeros", dtype=self.dtype_policy, name="output"
        )
        widths = (dim, *hidden_units)
        for layer, width in zip((*self.hidden_layers, self.output_layer), widths, strict=True):
            layer.build((None, width))
        self.built = True

    def call(self, kept, seen_condition=None):
        first, *others = self.hidden_layers
        hidden = first(kept)
        if seen_condition is not None:
            hidden += seen_condition
        hidden = tf.nn.silu(hidden)
        for layer in others:
            hidden = tf.nn.silu(layer(hidden))
        return tf.split(self.output_layer(hidden), 2, axis=1)


def _alternating_masks(dim, num_couplings):
    """Says which latents each coupling moves: 1 for those, else 0, `[num_couplings, dim]`.

    For every two couplings the latents are dealt like cards, even positions to one half and odd
    ones to the other: for 2^k latents the halves follow the bits of a latent's index.
    """
    order, masks = np.arange(dim), []
    for _ in range(0, num_couplings, 2):
        order = np.concatenate([order[::2], order[1::2]])
        is_moved = np.ones(dim)
        is_moved[order[: (dim + 1) // 2]] = 0.0
        masks += [is_moved, 1.0 - is_moved]
    return np.stack(masks[:num_couplings])
