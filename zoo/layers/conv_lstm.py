"""The state update of an LSTM, with gates computed by whatever convolution the model likes."""

import tensorflow as tf

__all__ = ["forget_bias", "lstm_step"]


def lstm_step(gates, state):
    """Moves an LSTM's state by one step.

    Args:
        gates: Sum of all inputs' contributions and of `forget_bias`, `[..., 4 * filters]`: the
            input, forget and output gates' logits and the candidate, in this order.
        state: (hidden, cell), `[..., filters]` each.

    Returns:
        The next (hidden, cell).
    """
    enter, forget, leave, candidate = tf.split(gates, 4, axis=-1)
    cell = tf.sigmoid(forget) * state[1] + tf.sigmoid(enter) * tf.tanh(candidate)
    return tf.sigmoid(leave) * tf.tanh(cell), cell


def forget_bias(filters):
    """Returns what raises the forget gate's logit by 1, float32 `[4 * filters]`.

    An untrained LSTM then remembers (Jozefowicz et al. 2015). It goes into the gates' bias once,
    rather than into the gates at every step.
    """
    return tf.repeat([0.0, 1.0, 0.0, 0.0], filters)
