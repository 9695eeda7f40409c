import numpy as np
import tensorflow as tf

from zoo.layers import NormalizedConvolution


def test_inference_is_by_the_moving_averages():
    """Against float64 arithmetic: convolve, (y - mean)/sqrt(variance + ε) + shift, ReLU, pool."""
    rng = np.random.default_rng(0)
    layer = NormalizedConvolution(2, 3, pool=True)
    values = [rng.normal(size=w.shape) for w in layer.variables]
    values[3] = rng.uniform(0.1, 2.0, 3)  # The variance.
    layer.set_weights(values)
    inputs = rng.normal(size=(2, 4, 5, 2))
    kernel, shift, mean, variance = values
    padded = np.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)))
    outputs = sum(
        padded[:, i : i + 4, j : j + 5] @ kernel[i, j] for i in range(3) for j in range(3)
    )
    outputs = np.maximum((outputs - mean) / np.sqrt(variance + 1e-5) + shift, 0)
    outputs = np.pad(outputs, ((0, 0), (0, 0), (0, 1), (0, 0)))  # A ReLU's maximum ignores zeros.
    expected = outputs.reshape(2, 2, 2, 3, 2, 3).max(axis=(2, 4))
    np.testing.assert_allclose(layer(inputs.astype(np.float32)), expected, rtol=1e-4, atol=1e-5)


def test_training_normalises_by_the_batch_and_moves_the_averages():
    layer = NormalizedConvolution(2, 3)
    inputs = tf.random.stateless_normal((8, 4, 5, 2), [0, 0])
    raw = np.asarray(tf.nn.conv2d(inputs, layer.kernel, 1, "SAME"), np.float64)
    mean, variance = raw.mean((0, 1, 2)), raw.var((0, 1, 2))
    outputs = layer(inputs, training=True)
    normal = (raw - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(outputs, np.maximum(normal, 0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variance, rtol=1e-4)


def test_variables_are_stored_as_they_ever_were():
    """Saved models hold them in this order, exported ones by these names, too."""
    names = [variable.name for variable in NormalizedConvolution(2, 3).variables]
    assert names == ["kernel", "shift", "mean", "variance"]
