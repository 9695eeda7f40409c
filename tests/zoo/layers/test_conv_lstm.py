"""The LSTM's step against NumPy in float64."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.layers import forget_bias, lstm_step

RNG = np.random.default_rng(0)
FILTERS = 3


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def reference_step(gates, hidden, cell):
    """Hochreiter & Schmidhuber's LSTM with a forget gate, written out."""
    del hidden
    enter, forget, leave = (gates[..., i * FILTERS : (i + 1) * FILTERS] for i in range(3))
    candidate = gates[..., 3 * FILTERS :]
    cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(candidate)
    return sigmoid(leave) * np.tanh(cell), cell


@pytest.mark.parametrize("jit_compile", [False, True])
def test_steps_follow_the_equations(jit_compile):
    gates = RNG.normal(size=(4, 5, 2, 4 * FILTERS))
    state = tuple(RNG.normal(size=(2, 5, 2, FILTERS)))
    step = tf.function(lstm_step, jit_compile=jit_compile)
    expected = actual = state
    for step_gates in gates:
        expected = reference_step(step_gates, *expected)
        actual = step(tf.constant(step_gates), tuple(map(tf.constant, actual)))
        for ours, theirs in zip(actual, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_forget_bias_raises_the_forget_gate_alone():
    np.testing.assert_array_equal(forget_bias(2), [0, 0, 1, 1, 0, 0, 0, 0])
