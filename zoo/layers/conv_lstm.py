"""The state update of an LSTM, with gates computed by whatever convolution the model likes."""

import tensorflow as tf

__all__ = ["lstm_step"]


def lstm_step(gates, state):
    """Moves an LSTM's state by one step.

    Args:
        gates: Sum of all inputs' contributions, `[..., 4 * filters]`: the input, forget and output
            gates' logits and the candidate, in this order.
        state: (hidden, cell), `[..., filters]` each.

    Returns:
        The next (hidden, cell). The forget gate's logit is raised by 1, so that an untrained LSTM
        remembers (Jozefowicz et al. 2015).
    """
    filters = gates.shape[-1] // 4
    logits, candidate = tf.split(gates, [3 * filters, filters], axis=-1)
    bias = tf.constant([0.0] * filters + [1.0] * filters + [0.0] * filters, gates.dtype)
    enter, forget, leave = tf.split(tf.sigmoid(logits + bias), 3, axis=-1)
    cell = forget * state[1] + enter * tf.tanh(candidate)
    return leave * tf.tanh(cell), cell
