"""What chains do on normal densities, in closed form and float64."""

import numpy as np
import tensorflow as tf


def random_precision(dimension, seed=0):
    """A symmetric matrix whose eigenvalues are 0.5 to 3."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    return rotation @ np.diag(np.linspace(0.5, 3.0, dimension)) @ rotation.T


def log_density(mean, precision):
    """Log N(mean, precision⁻¹) up to a constant, of a tuple of one `[B, d]`, for a chain."""
    mean, precision = np.float32(mean), np.float32(precision)

    def value(latents):
        difference = latents[0] - mean
        return -0.5 * tf.reduce_sum(tf.matmul(difference, precision) * difference, axis=1)

    return value


def law_of_chain(mean, precision, num_steps, step_size, start, temperature=1.0):
    """Mean and covariance of z_K from a start N(m₀, C₀): the recursion of the affine map."""
    (m, cov), eye = start, np.eye(len(mean))
    map_ = eye - 0.5 * step_size**2 * precision
    for _ in range(num_steps):
        m = mean + map_ @ (m - mean)
        cov = map_ @ cov @ map_ + (temperature * step_size) ** 2 * eye
    return m, cov


def limit_of_chain(precision, step_size):
    """Covariance that a stable chain tends to."""
    wider = precision @ (np.eye(len(precision)) - 0.25 * step_size**2 * precision)
    return np.linalg.inv(wider)


class LinearModel:
    """x = W z + c + σ ε with z ~ N(0, I): posterior and marginal in closed form."""

    def __init__(self, dimension=3, num_pixels=5, scale=0.5, seed=0):
        rng = np.random.default_rng(seed)
        self.weights = rng.standard_normal((num_pixels, dimension))
        self.offset = rng.standard_normal(num_pixels)
        self.scale = scale
        self.precision = np.eye(dimension) + self.weights.T @ self.weights / scale**2

    def posterior_mean(self, x):
        return np.linalg.solve(self.precision, self.weights.T @ (x - self.offset)) / self.scale**2

    def log_marginal(self, x):
        cov = self.weights @ self.weights.T + self.scale**2 * np.eye(len(x))
        difference = x - self.offset
        quadratic = difference @ np.linalg.solve(cov, difference)
        return -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * cov)[1])

    def log_joint(self, x):
        """Log p(x, z) of a tuple of one `[B, d]`, for a chain."""

        def value(latents):
            z = latents[0]
            mean = tf.matmul(z, np.float32(self.weights.T)) + np.float32(self.offset)
            square = tf.reduce_sum(((np.float32(x) - mean) / self.scale) ** 2, axis=1)
            constant = len(x) * np.log(2 * np.pi * self.scale**2)
            return log_standard_normal(z) - 0.5 * (square + np.float32(constant))

        return value


def log_standard_normal(z):
    """Log N(z; 0, I) in nats, `[B]`."""
    return -0.5 * tf.reduce_sum(z**2 + np.float32(np.log(2 * np.pi)), axis=1)
