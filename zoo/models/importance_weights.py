"""The mean of importance weights, by which log p(x) is bounded from below."""

import tensorflow as tf

__all__ = ["log_mean_weight"]


def log_mean_weight(log_weight, num_samples, shape):
    """Returns log 1/K Σ_k w_k, float32 of the shape, one sample in memory at a time.

    Args:
        log_weight: Maps k, an int32 scalar below K, to log w_k in nats.
        num_samples: K, a scalar.
        shape: Of log w_k, an int32 tensor.
    """

    def add_sample(index, log_total):
        return index + 1, tf.reduce_logsumexp([log_total, log_weight(index)], axis=0)

    _, log_total = tf.while_loop(
        lambda index, _: index < num_samples,
        add_sample,
        (tf.constant(0), tf.fill(shape, -float("inf"))),
        parallel_iterations=1,
    )
    return log_total - tf.math.log(tf.cast(num_samples, tf.float32))
