"""Reconstruction vectors of a VAE of unbounded capacity, as fixed points (Taming VAEs, 3.1).

With data x_1..x_N, tiles a = 1..A of equal prior mass and a temperature β (a variance):

    m_ia ∝ exp(-‖x_i - g_a‖² / 2β), normalised over a: the posterior's mass on tile a,
    w_ia = m_ia / Σ_j m_ja,                g_a ← Σ_i w_ia x_i.

It is the pre-image iteration of kernel PCA with a normalised Gaussian kernel, and stays in the
data's convex hull. All in log space: at small β most masses are below the least float.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from training.reproduction.theory.tiles import initial_reconstructions

__all__ = ["FixedPoints", "log_masses", "solve"]


@dataclasses.dataclass(frozen=True)
class FixedPoints:
    """What the iteration reached.

    Attributes:
        betas: Temperatures, float32 `[K]`.
        reconstructions: g, float32 `[K, A, 2]`.
        steps: Steps taken, int `[K]`.
        converged: Whether the last step was shorter than the tolerance, bool `[K]`.
        error: u(β) = E‖x - g‖² over data and posterior, float32 `[K]`.
    """

    betas: np.ndarray
    reconstructions: np.ndarray
    steps: np.ndarray
    converged: np.ndarray
    error: np.ndarray


def solve(
    points,
    betas,
    start=None,
    max_steps=400,
    smoothing=0.9,
    tolerance=1e-3,
    constrain=None,
    largest_table=250_000,
):
    """Iterates to the fixed points for each temperature.

    Args:
        points: Data, `[N, 2]`.
        betas: Temperatures above 0, `[K]`.
        start: g at the start, `[A, 2]`; None for 32·32 tiles.
        max_steps: Most steps.
        smoothing: Share of g that each step keeps [choice: 0.9].
        tolerance: The iteration for a β ends when a step over all tiles is shorter than this.
        constrain: A function of g `[K, A, 2]`, applied after each step, as in `lipschitz`.
        largest_table: Numbers of a table of masses; as many β are solved at once as fit: few, for
            all wait for the slowest, and at a phase transition one takes several times the steps of
            its neighbours.

    Returns:
        `FixedPoints`.

    Raises:
        ValueError: The points are not `[N, 2]`, or a temperature is not above 0.

    Example:
        >>> found = solve(point_sets.circles(200), np.geomspace(1e-3, 1.0, 50))
    """
    points, betas = np.asarray(points, np.float32), np.atleast_1d(np.float32(betas))
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"points must have shape [N, 2]. Received: shape {points.shape}")
    if not (betas > 0).all():
        raise ValueError(f"betas must be above 0. Received: the least is {betas.min()}")
    start = initial_reconstructions() if start is None else np.asarray(start, np.float32)
    size = max(largest_table // (len(points) * len(start)), 1)
    constrain = constrain or (lambda reconstructions: reconstructions)
    iterate = _make_iteration(points, start, max_steps, smoothing, tolerance, constrain)
    parts = [iterate(tf.constant(betas[i : i + size])) for i in range(0, len(betas), size)]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return FixedPoints(betas, *columns)


def log_masses(points, reconstructions, betas):
    """Returns log m, the log-mass of each posterior on each tile, `[K, N, A]`."""
    # ‖x - g‖² of two coordinates, without the cancellation of a product of matrices.
    squares = sum(
        tf.math.squared_difference(points[:, None, k], reconstructions[:, None, :, k])
        for k in range(2)
    )
    return tf.nn.log_softmax(-0.5 * squares / betas[:, None, None], axis=2)


def _make_iteration(points, start, max_steps, smoothing, tolerance, constrain):
    points = tf.constant(points)

    def step(reconstructions, betas):
        weights = tf.nn.softmax(log_masses(points, reconstructions, betas), axis=1)
        target = tf.einsum("kna,nd->kad", weights, points)
        return constrain(smoothing * reconstructions + (1.0 - smoothing) * target)

    @tf.function(autograph=False)
    def iterate(betas):
        def body(index, current, steps, converged):
            moved = step(current, betas)
            length = tf.sqrt(tf.reduce_sum((moved - current) ** 2, axis=(1, 2)))
            current = tf.where(converged[:, None, None], current, moved)
            steps += tf.cast(~converged, tf.int32)
            return index + 1, current, steps, converged | (length < tolerance)

        number = tf.shape(betas)[0]
        begin = tf.tile(tf.constant(start)[None], [number, 1, 1])
        zeros = tf.zeros([number], tf.int32)
        _, current, steps, converged = tf.while_loop(
            lambda index, _, __, converged: (index < max_steps) & ~tf.reduce_all(converged),
            body,
            (tf.constant(0), begin, zeros, zeros > 0),
            parallel_iterations=1,
        )
        return current, steps, converged, _error(points, current, betas)

    # Traced once, whatever the number of temperatures.
    concrete = iterate.get_concrete_function(tf.TensorSpec([None], tf.float32))
    return lambda betas: [values.numpy() for values in concrete(betas)]


def _error(points, reconstructions, betas):
    masses = tf.exp(log_masses(points, reconstructions, betas))
    squares = sum(
        tf.math.squared_difference(points[:, None, k], reconstructions[:, None, :, k])
        for k in range(2)
    )
    return tf.reduce_mean(tf.reduce_sum(masses * squares, axis=2), axis=1)
