"""The step size of short Langevin chains by the criterion of Nijkamp et al. 2020."""

import tensorflow as tf

__all__ = ["choose_step_size", "fixed_noise_kl"]

_FACTORS = (0.7, 0.84, 1.0, 1.19, 1.4)  # [choice] Of the present step, those that are tried.


def choose_step_size(log_density, start, noise, num_steps, step_size):
    """Returns the step size near the present one whose chains have the least `fixed_noise_kl`.

    The paper's grid search, made of small moves from one choice to the next.

    Args:
        log_density: As in `zoo.sampling.langevin`.
        start: z_0 ~ N(0, I), a tuple of float32 tensors `[B, d_l]`.
        noise: Noise of `zoo.random` for B rows; all candidates have the same.
        num_steps: K, an int.
        step_size: The present s, a float32 scalar.

    Returns:
        A float32 scalar.

    Example:
        >>> noise = zoo.random.RowNoise(zoo.random.row_seeds(0, 64))
        >>> start = (noise.normal([2], stream=1),)
        >>> choose_step_size(
        ...     lambda z: -tf.reduce_sum(z[0] ** 2, 1) / 2, start, noise, num_steps=5, step_size=0.1
        ... )
    """
    pushes = noise.normal([num_steps, sum(part.shape[-1] for part in start)])
    candidates = step_size * tf.constant(_FACTORS)
    bounds = tf.map_fn(
        lambda s: tf.reduce_mean(fixed_noise_kl(log_density, start, pushes, s)), candidates
    )
    # A chain that runs away has no finite bound, and is no choice.
    bounds = tf.where(tf.math.is_finite(bounds), bounds, bounds.dtype.max)
    return candidates[tf.argmin(bounds)]


def fixed_noise_kl(log_density, start, pushes, step_size):
    """Returns log p(z_0) - log|det ∂z_K/∂z_0| - log π(z_K) in nats, `[B]`, for fixed noises.

    Its mean over z_0 and noises bounds KL(law of z_K ‖ π) from above, up to log of π's integral
    (Nijkamp et al. 2020, the objective of s): for one sequence of noises the chain is a map of z_0.
    The bound is loose where chains mix, for the better they forget z_0, the smaller the determinant
    is. A drift that `zoo.sampling.langevin` would cut is not cut here.

    Args:
        log_density: Maps a tuple of tensors to log π up to a constant, nats, `[B]`.
        start: z_0, a tuple of float tensors `[B, d_l]`.
        pushes: The steps' standard normal numbers, `[B, K, Σ d_l]`.
        step_size: s, a scalar.
    """
    sizes = [part.shape[-1] for part in start]

    def density(flat):
        return log_density(tuple(tf.split(flat, sizes, axis=-1)))

    def step(index, flat, log_determinant):
        gradient, hessian = _derivatives(density, flat)
        matrix = tf.eye(sum(sizes), dtype=flat.dtype) + 0.5 * step_size**2 * hessian
        log_determinant += tf.linalg.slogdet(matrix).log_abs_determinant
        there = flat + 0.5 * step_size**2 * gradient + step_size * pushes[:, index]
        return index + 1, there, log_determinant

    flat = tf.concat(start, axis=-1)
    log_start = -0.5 * tf.reduce_sum(flat**2, axis=-1)
    _, end, log_determinant = tf.while_loop(
        lambda index, *_: index < pushes.shape[1], step, (0, flat, tf.zeros_like(log_start))
    )
    return log_start - log_determinant - density(end)


def _derivatives(density, flat):
    """Returns gradient `[B, d]` and Hessian `[B, d, d]` of each row's log-density."""

    def gradient_of(flat):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(flat)
            value = density(flat)
        return tape.gradient(value, flat)  # Of the sum over rows, so each row's is its own.

    def column(unit):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(flat)
            along = tf.linalg.matvec(gradient_of(flat), unit)
        return tape.gradient(along, flat, unconnected_gradients="zero")

    columns = tf.map_fn(column, tf.eye(flat.shape[-1], dtype=flat.dtype))
    return gradient_of(flat), tf.transpose(columns, [1, 2, 0])
