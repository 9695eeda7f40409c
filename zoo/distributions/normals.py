"""Diagonal normals over latents: the posteriors and priors that networks parametrise."""

import tensorflow as tf
import tensorflow_probability as tfp

__all__ = [
    "kl_divergence",
    "log_prob",
    "normal_from_parameters",
    "standard_log_prob",
    "standard_normal",
]

_LOG_SCALE_BOUND = 6.0


def normal_from_parameters(parameters):
    """Reads the mean and the log-scale from the halves of the last axis, `[B, ..., 2 * K]`.

    The log-scale is bent smoothly into (-6, 6): no early step of training can overflow it, and
    its gradient never vanishes altogether.
    """
    mean, log_scale = tf.split(tf.cast(parameters, tf.float32), 2, axis=-1)
    scale = tf.exp(_LOG_SCALE_BOUND * tf.tanh(log_scale / _LOG_SCALE_BOUND))
    return tfp.distributions.Normal(mean, scale)


def standard_normal():
    """N(0, 1), to be broadcast over latents."""
    return tfp.distributions.Normal(0.0, 1.0)


def standard_log_prob(groups):
    """Returns log N(z; 0, I) over all groups of latents, a tuple, in nats: `[B]`."""
    return tf.add_n([log_prob(standard_normal(), group) for group in groups])


def kl_divergence(posterior, prior):
    """KL(posterior ‖ prior) in nats, summed over all axes but the first: `[B]`."""
    return _sum_over_row(tfp.distributions.kl_divergence(posterior, prior))


def log_prob(normal, latents):
    """Log-density in nats, summed over all axes but the first: `[B]`."""
    return _sum_over_row(normal.log_prob(latents))


def _sum_over_row(values):
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))
