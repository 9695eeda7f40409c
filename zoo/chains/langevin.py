"""Langevin chains: noisy steps uphill in a log-density, and what the walk says of its target."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from zoo import checks
from zoo.chains.groups import add, per_row, square_length, subtract

__all__ = [
    "LangevinChain",
    "check_chain",
    "clipped_drift",
    "langevin",
    "longest_drift",
    "make_draws",
]

_FLAT, _TINY = 1e-8, 1e-30


class LangevinChain(NamedTuple):
    """Where a chain on π ended, and what can be said of its walk; no gradient goes through it.

    Attributes:
        latents: z_K, a tuple of float32 tensors `[B, ...]`, as the start was.
        log_path: `Σ_k log N(z_{k-1}; T(z_k), s²I) - log N(z_k; T(z_{k-1}), s²I)` in nats, `[B]`,
            T being a step without its noise. With z_0 ~ p_0, exp(log π(z_K) + log_path -
            log p_0(z_0)) has the integral of π as its mean, for every number and size of steps.
        acceptance: The probability with which a Metropolis test, which is not made, would have
            accepted the last step, `[B]`.
        stable_step: 2 / √λ, `[B]`, with the curvature λ = ‖Δ∇log π‖ / ‖Δz‖ of the last step: larger
            steps overshoot more each time.

    Example:
        >>> noise = zoo.random.RowNoise(zoo.random.row_seeds(0, 100))
        >>> start = (noise.normal([2], stream=1),)
        >>> chain = zoo.sampling.langevin(
        ...     lambda z: -tf.reduce_sum(z[0] ** 2, 1) / 2, start, noise, num_steps=9, step_size=1.0
        ... )
        >>> chain.stable_step  # 2 for each of the 100 rows: the curvature of N(0, I) is 1
    """

    latents: tuple
    log_path: tf.Tensor
    acceptance: tf.Tensor
    stable_step: tf.Tensor


def langevin(log_density, latents, noise, num_steps, step_size, temperature=1.0):
    """Runs z_k = z_{k-1} + (s²/2) ∇log π(z_{k-1}) + s τ ξ_k, ξ_k ~ N(0, I), for k = 1..K.

    The step of the energy-based priors of Pang et al. 2020 and the short-run inference of Nijkamp
    et al. 2020; the path's weights are those of annealed importance sampling (Neal 2001) with one
    density. On N(μ, Λ⁻¹) it is stable for s < 2/√λ_max(Λ) and tends to the variance
    τ² Λ⁻¹ (I - s²Λ/4)⁻¹, not Λ⁻¹. A drift longer than √d, d being the size of a row's latents, is
    cut to that length [choice]: a decoder with a small σ would else throw its first steps far out.
    The path's weights are exact all the same.

    Args:
        log_density: Maps a tuple of tensors to log π up to a constant, nats, `[B]`; a row's value
            depends on that row alone.
        latents: z_0, a tuple of float32 tensors `[B, ...]`.
        noise: Noise of `zoo.random` for B rows, of which stream g becomes that of group g.
        num_steps: K, an int of at least 1; or an int32 scalar, for which noise is drawn step by
            step: slower, but a longer chain then goes on from where a shorter one ends.
        step_size: s, above 0, in the latents' unit; a number or a float32 scalar.
        temperature: τ, a number or `[B]`; of the path's weights only τ = 1 makes sense.

    Returns:
        A `LangevinChain`.

    Raises:
        ValueError: No steps, or a step size that is not above 0.

    Example:
        >>> noise = zoo.random.RowNoise(zoo.random.row_seeds(0, 100))
        >>> start = (noise.normal([2], stream=1),)
        >>> chain = zoo.sampling.langevin(
        ...     lambda z: -tf.reduce_sum(tf.abs(z[0]), 1), start, noise, num_steps=50, step_size=0.5
        ... )
        >>> chain.latents[0].shape
        TensorShape([100, 2])
    """
    check_chain(num_steps, step_size)
    shapes = [group.shape[1:] for group in latents]
    draw = make_draws(noise, num_steps, shapes)
    step_size = tf.convert_to_tensor(step_size, tf.float32)
    walk = _Walk(log_density, step_size, longest=longest_drift(latents))
    scales = [per_row(step_size * temperature, group) for group in latents]

    def step(index, log_path, here, _):
        pushes = [scale * normal for scale, normal in zip(scales, draw(index), strict=True)]
        there = walk.at(add(here.latents, here.drift, pushes))
        return index + 1, log_path + walk.log_ratio(here, there), there, here

    start = walk.at(latents)
    begin = (tf.constant(0), tf.zeros_like(start.log_density), start, start)
    _, log_path, last, before = tf.while_loop(
        lambda index, *_: index < num_steps, step, begin, parallel_iterations=1
    )
    chain = LangevinChain(
        last.latents, log_path, walk.acceptance(before, last), walk.stable_step(before, last)
    )
    return tf.nest.map_structure(tf.stop_gradient, chain)


def check_chain(num_steps, step_size):
    """Raises ValueError for no steps or for a step size, where it is a number, of none."""
    if not isinstance(num_steps, tf.Tensor):
        checks.integer("num_steps", num_steps)
    if not isinstance(step_size, tf.Tensor):
        checks.number("step_size", step_size, above=0)


def make_draws(noise, num_steps, shapes):
    """Returns a function from a step's index to its normal numbers, one tensor a group."""
    if isinstance(num_steps, tf.Tensor):

        def draw(index):
            own = noise.fold(index)
            return [own.normal(shape, stream=i) for i, shape in enumerate(shapes)]

        return draw
    # All at once: a draw for each row in each step would take longer than the walk.
    of_all = [noise.normal([num_steps, *shape], stream=i) for i, shape in enumerate(shapes)]
    return lambda index: [normals[:, index] for normals in of_all]


def longest_drift(latents):
    """Returns the length to which drifts are cut: √d, d being the size of a row of latents."""
    return np.sqrt(sum(np.prod(group.shape[1:]) for group in latents))


def clipped_drift(gradient, step_size, longest):
    """Returns (s²/2) ∇log π, of each row at most so long."""
    drift = [0.5 * step_size**2 * part for part in gradient]
    share = longest / tf.maximum(tf.sqrt(square_length(drift)), longest)
    return tuple(per_row(share, part) * part for part in drift)


class _Point(NamedTuple):
    """A point of a walk: what was found out there."""

    latents: tuple
    log_density: tf.Tensor
    gradient: tuple
    drift: tuple


class _Walk:
    """The steps on one density, of one size."""

    def __init__(self, log_density, step_size, longest):
        self._log_density = log_density
        self._step_size = step_size
        self._longest = longest

    def at(self, latents):
        """Finds out the density, its gradient and where a step without noise leads."""
        latents = tuple(map(tf.stop_gradient, latents))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(latents)
            value = self._log_density(latents)
        # Of the sum over rows, so each row's is its own.
        gradient = tape.gradient(value, latents, unconnected_gradients="zero")
        drift = clipped_drift(gradient, self._step_size, self._longest)
        return _Point(latents, value, tuple(gradient), drift)

    def log_ratio(self, here, there):
        """Log N(here; T(there), s²I) - log N(there; T(here), s²I), `[B]`."""
        moves = subtract(there.latents, here.latents)
        forth = square_length(subtract(moves, here.drift))
        back = square_length(add(moves, there.drift))
        return 0.5 * (forth - back) / self._step_size**2

    def acceptance(self, here, there):
        gain = there.log_density - here.log_density + self.log_ratio(here, there)
        return tf.exp(tf.minimum(gain, 0.0))

    def stable_step(self, here, there):
        bend = square_length(subtract(there.gradient, here.gradient))
        move = square_length(subtract(there.latents, here.latents))
        # Nearly straight, or at rest: any step will do.
        return 2.0 * tf.where(bend > _FLAT * move, move / (bend + _TINY), 1.0 / _FLAT) ** 0.25
