"""Annealed importance sampling (Neal 2001): the mean of a factor under a density that is drawn.

From p_0, chains walk through p_0(z) exp(β g(z)) as β rises from 0 to 1, by Hamiltonian Monte Carlo,
and gather weights whose mean is E exp(g(z)) under p_0, without bias but for the step size, which
adapts to the chain's past. With g = log p(x|z) that is p(x) (Wu et al. 2017), with g the exponent
of an energy-based prior its normalising constant.
"""

import math

import numpy as np
import tensorflow as tf

from zoo.chains.groups import per_row, square_length

__all__ = ["annealed_log_weights", "inverse_temperatures", "log_mean"]

_LEAPFROG_STEPS = 10
# The step size grows where proposals are accepted and shrinks where not, so that about 65% are.
_GROWTH, _SHRINKAGE = 1.02, 0.9637
_SHARPNESS = 4.0  # Of the sigmoid that spaces β more closely near 0 and 1.


def inverse_temperatures(number):
    """β from 0 to 1 along a sigmoid, float32 `[number + 1]`."""
    values = 1.0 / (1.0 + np.exp(-_SHARPNESS * np.linspace(-1.0, 1.0, number + 1)))
    return ((values - values[0]) / (values[-1] - values[0])).astype(np.float32)


def annealed_log_weights(log_densities, latents, noise, betas):
    """Walks a chain from each row of latents drawn from p_0.

    Args:
        log_densities: Maps a tuple of latents to (log p_0, g), nats, `[B]` each; p_0 up to a
            constant.
        latents: A draw from p_0, a tuple of float32 tensors `[B, ...]`.
        noise: Noise of `zoo.random` for the B rows, folded for each β.
        betas: As in `inverse_temperatures`.

    Returns:
        Log-weights in nats, `[B]`, and the share of proposals that were accepted, a scalar.
    """
    number = tf.shape(betas)[0] - 1

    def body(index, latents, weights, step_sizes, accepted):
        _, factor = log_densities(latents)
        weights += (betas[index + 1] - betas[index]) * factor
        latents, is_accepted = _hamiltonian_step(
            log_densities, latents, betas[index + 1], step_sizes, noise.fold(index + 1)
        )
        step_sizes *= tf.where(is_accepted, _GROWTH, _SHRINKAGE)
        accepted += tf.reduce_mean(tf.cast(is_accepted, tf.float32))
        return index + 1, latents, weights, step_sizes, accepted

    zeros = tf.zeros(tf.shape(latents[0])[:1])
    start = (tf.constant(0), latents, zeros, zeros + 0.1, tf.constant(0.0))
    _, _, weights, _, accepted = tf.while_loop(
        lambda index, *_: index < number, body, start, parallel_iterations=1
    )
    return weights, accepted / tf.cast(number, tf.float32)


def log_mean(log_weights):
    """Returns the log of the mean of weights and its standard error, in nats: two floats."""
    log_weights = np.asarray(log_weights, np.float64)
    largest = log_weights.max()
    weights = np.exp(log_weights - largest)
    error = weights.std() / (weights.mean() * math.sqrt(len(weights)))
    return float(largest + np.log(weights.mean())), float(error)


def _hamiltonian_step(log_densities, latents, beta, step_sizes, noise):
    """One proposal of each chain, accepted or not; returns the latents and which were accepted."""

    def energy_and_gradient(latents):
        with tf.GradientTape() as tape:
            tape.watch(latents)
            log_base, factor = log_densities(latents)
            energy = -(log_base + beta * factor)
        return energy, tape.gradient(energy, latents)

    def move(values, directions, factor):
        return tuple(
            value + factor * per_row(step_sizes, value) * direction
            for value, direction in zip(values, directions, strict=True)
        )

    def leap(index, position, momentum, gradient, _):
        momentum = move(momentum, gradient, -0.5)
        position = move(position, momentum, 1.0)
        energy, gradient = energy_and_gradient(position)
        return index + 1, position, move(momentum, gradient, -0.5), gradient, energy

    momentum = tuple(noise.normal(z.shape[1:], stream=i) for i, z in enumerate(latents))
    energy, gradient = energy_and_gradient(latents)
    before = energy + _kinetic(momentum)
    _, position, momentum, _, energy = tf.while_loop(
        lambda index, *_: index < _LEAPFROG_STEPS,
        leap,
        (tf.constant(0), latents, momentum, gradient, energy),
        parallel_iterations=1,
    )
    uniforms = noise.uniform([1], stream=len(latents))[:, 0]
    # NaN, of a walk that went astray, is not accepted.
    is_accepted = tf.math.log(uniforms) < before - energy - _kinetic(momentum)
    kept = tuple(
        tf.where(per_row(is_accepted, new), new, old)
        for new, old in zip(position, latents, strict=True)
    )
    return kept, is_accepted


def _kinetic(momenta):
    return 0.5 * square_length(momenta)
