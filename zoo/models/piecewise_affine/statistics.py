"""What expectation-maximisation needs to know of all images: sums of the posterior's moments."""

from typing import NamedTuple

import tensorflow as tf

__all__ = ["Statistics", "collect"]


class Statistics(NamedTuple):
    """Sums over images, float64.

    Attributes:
        log_density: Sum of log p(x) in nats, a scalar.
        squares: Sum of ‖x‖², a scalar.
        mass, first, second: Sums of the `Moments`: `[R]`, `[R, d]`, `[R, d, d]`.
        pixels: Sum of x m0, `[R, D]`.
        pixels_first: Sum of x m1ᵀ, `[R, D, d]`.
        num_images: Their number, a scalar.
    """

    log_density: tf.Tensor
    squares: tf.Tensor
    mass: tf.Tensor
    first: tf.Tensor
    second: tf.Tensor
    pixels: tf.Tensor
    pixels_first: tf.Tensor
    num_images: tf.Tensor


def collect(exact):
    """Returns the `Statistics` of an `ExactPosterior`."""
    mass, first, second = exact.moments
    pixels = exact.pixels
    num_images, latent_dim = tf.shape(pixels)[0], first.shape[-1]
    of_first = tf.matmul(tf.reshape(first, [num_images, -1]), pixels, transpose_a=True)
    of_first = tf.reshape(of_first, [-1, latent_dim, pixels.shape[1]])
    return Statistics(
        log_density=tf.reduce_sum(exact.log_density),
        squares=tf.reduce_sum(pixels**2),
        mass=tf.reduce_sum(mass, axis=0),
        first=tf.reduce_sum(first, axis=0),
        second=tf.reduce_sum(second, axis=0),
        pixels=tf.matmul(mass, pixels, transpose_a=True),
        pixels_first=tf.linalg.matrix_transpose(of_first),
        num_images=tf.cast(num_images, tf.float64),
    )
