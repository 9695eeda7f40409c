"""A convolution with batch normalisation and ReLU that trains in 16 bits."""

import keras
import tensorflow as tf

__all__ = ["NormalizedConvolution"]

# Exports name the variables so: a model made before loads, and one made now is loaded by others.
_NAMES = {"beta": "shift", "moving_mean": "mean", "moving_variance": "variance"}


class NormalizedConvolution(keras.layers.BatchNormalization):
    """3x3 convolution, optional 2x2 max pooling, batch normalisation (Ioffe & Szegedy 2015), ReLU.

    One layer, whose variables are kernel, shift, mean and variance, not a `Conv2D` and a
    normalisation: saved models hold them in this order. The normalised values are shifted, not
    scaled: a scale before a ReLU is undone by the layers that follow.

    Args:
        input_filters: Channels of the input.
        filters: Channels of the output.
        pool: Whether to halve the grid, rounding up.
    """

    def __init__(self, input_filters, filters, pool=False, **kwargs):
        kwargs |= {"autocast": False, "dtype": "float32"}
        # The averages remember about ten batches.
        super().__init__(momentum=0.9, epsilon=1e-5, scale=False, **kwargs)
        self._pool = pool
        self.kernel = self.add_weight(
            name="kernel", shape=(3, 3, input_filters, filters), initializer="he_normal"
        )
        self.build((None, None, None, filters))
        self.input_spec = None  # That was the normalisation's, which comes after the convolution.

    def add_weight(self, *, name, trainable=True, **kwargs):
        """Adds a weight; moving averages are one over the replicas, which Keras's are not."""
        kwargs["aggregation"] = "none" if trainable else "mean"
        return super().add_weight(name=_NAMES.get(name, name), trainable=trainable, **kwargs)

    def call(self, inputs, training=None):
        """Returns outputs of inputs `[B, H, W, C]`, in their dtype, in which it convolves."""
        outputs = tf.nn.conv2d(inputs, tf.cast(self.kernel, inputs.dtype), 1, "SAME")
        if self._pool:  # First: it leaves a quarter to normalise.
            outputs = tf.nn.max_pool2d(outputs, 2, 2, "SAME")
        outputs = super().call(outputs, training=training)
        return tf.nn.relu(tf.cast(outputs, inputs.dtype))
