"""The networks that a `zoo.ChartVAE` has one of for each chart."""

import keras
import tensorflow as tf

__all__ = ["ChartLayer", "ChartNetwork"]


class ChartLayer(keras.layers.Layer):
    """A dense layer for each of N charts: `[B, K]` or `[B, N, K]` to `[B, N, units]`.

    Args:
        num_charts: N.
        units: Outputs of a chart.
        activation: Name of a Keras activation, or None.
    """

    def __init__(self, num_charts, units, activation=None, **kwargs):
        # float32 whatever the policy: it ends in parameters of a distribution.
        super().__init__(dtype="float32", **kwargs)
        self.num_charts, self.units = num_charts, units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        """Makes the weights of all charts, `[N, K, units]`."""
        size = input_shape[-1]
        limit = (6.0 / (size + self.units)) ** 0.5  # Glorot's, of each chart by itself.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.num_charts, size, self.units),
            initializer=keras.initializers.RandomUniform(-limit, limit),
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.num_charts, self.units), initializer="zeros"
        )
        self.built = True

    def call(self, inputs):
        """Returns what each chart makes of the inputs."""
        pattern = "bk,nku->bnu" if inputs.shape.rank == 2 else "bnk,nku->bnu"
        return self.activation(tf.einsum(pattern, inputs, self.kernel) + self.bias)

    def spectral_norms(self):
        """Returns the largest singular value of each chart's matrix, `[N]`."""
        return tf.linalg.svd(tf.convert_to_tensor(self.kernel), compute_uv=False)[:, 0]


class ChartNetwork(keras.layers.Layer):
    """A network of one hidden layer for each of N charts.

    Args:
        num_charts: N.
        hidden_units: Units of a chart's hidden layer.
        units: Outputs of a chart.
        activation: Name of the hidden layer's activation.
    """

    def __init__(self, num_charts, hidden_units, units, activation, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.hidden = ChartLayer(num_charts, hidden_units, activation)
        self.outputs = ChartLayer(num_charts, units)

    def build(self, input_shape):
        """Makes both layers."""
        self.hidden.build(input_shape)
        self.outputs.build((None, None, self.hidden.units))
        self.built = True

    def call(self, inputs):
        """Maps `[B, K]` or `[B, N, K]` to `[B, N, units]`."""
        return self.outputs(self.hidden(tf.cast(inputs, tf.float32)))

    def lipschitz_bounds(self):
        """Returns the product of the layers' spectral norms, `[N]`."""
        return self.hidden.spectral_norms() * self.outputs.spectral_norms()
