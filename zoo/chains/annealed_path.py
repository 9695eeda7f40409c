"""Langevin paths from N(0, I) to a density, whose weights bound its integral."""

import tensorflow as tf

from zoo.chains.groups import add, square_length, subtract
from zoo.chains.langevin import clipped_drift, longest_drift, make_draws

__all__ = ["annealed_path"]


def annealed_path(log_factor, start, noise, num_steps, step_size):
    """Walks from z_0 ~ N(0, I) through densities N(z; 0, I) exp(g(z))^(k / K), k = 1..K.

    Neal 2001 with steps that no test accepts or refuses: exp(g(z_K)) N(z_K) / N(z_0) times the
    path's ratio has the mean E exp(g(z)) under N(0, I), for every number and size of steps. Where
    all steps climb the last density, as `zoo.sampling.langevin` has it, paths are far less likely
    backwards, and the logarithm of the mean of few weights is lower by nats.

    Args:
        log_factor: Maps a tuple of latents to g, nats, `[B]`; a row's value depends on that row.
        start: z_0, a tuple of float32 tensors `[B, ...]`.
        noise: Noise of `zoo.random` for B rows, of which stream i becomes that of group i.
        num_steps: K, an int.
        step_size: s, a number or a float32 scalar.

    Returns:
        z_K, and log N(z_K) / N(z_0) + Σ_k log N(z_{k-1}; T_k(z_k), s²I) / N(z_k; T_k(z_{k-1}), s²I)
        in nats, `[B]`; T_k is a step without its noise.
    """
    draw = make_draws(noise, num_steps, [group.shape[1:] for group in start])
    longest = longest_drift(start)

    def drift(latents, pull, share):
        gradient = [share * own - group for own, group in zip(pull, latents, strict=True)]
        return clipped_drift(gradient, step_size, longest)

    def step(index, latents, pull, log_ratio):
        share = tf.cast(index + 1, tf.float32) / num_steps
        pushes = [step_size * normal for normal in draw(index)]
        forth = drift(latents, pull, share)
        there = add(latents, forth, pushes)
        pull = _gradient(log_factor, there)
        # What a step back from there to here would have had to draw.
        back = subtract(subtract(latents, there), drift(there, pull, share))
        log_ratio += 0.5 * (square_length(pushes) - square_length(back)) / step_size**2
        return index + 1, there, pull, log_ratio

    begin = (tf.constant(0), start, _gradient(log_factor, start), tf.zeros_like(start[0][:, 0]))
    _, latents, _, log_ratio = tf.while_loop(
        lambda index, *_: index < num_steps, step, begin, parallel_iterations=1
    )
    return latents, log_ratio + 0.5 * (square_length(start) - square_length(latents))


def _gradient(log_factor, latents):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(latents)
        value = log_factor(latents)
    return tape.gradient(value, latents, unconnected_gradients="zero")
