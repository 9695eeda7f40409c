"""A convolution with batch normalisation and ReLU that trains in 16 bits and runs as one."""

import keras
import tensorflow as tf

__all__ = ["NormalizedConvolution"]

_EPSILON = 1e-5  # Added to variances, in squared units of the convolution's output.
_MOMENTUM = 0.9  # Of the moving averages: they remember about ten batches.


class NormalizedConvolution(keras.layers.Layer):
    """3x3 convolution, optional 2x2 max pooling, batch normalisation (Ioffe & Szegedy 2015), ReLU.

    Calling it is inference, always, whatever `training` a model around it passes on: the moving
    averages are folded into the kernel, which makes it one convolution. `forward` is the training
    form: it normalises by the batch and changes nothing; `observe` moves the averages. A train step
    so decides by itself when they move, and a frozen network can never move.

    The normalised values are shifted, not scaled: a scale before a ReLU is undone by the layers
    that follow, and without one folding commutes with max pooling.

    Args:
        input_filters: Channels of the input.
        filters: Channels of the output.
        pool: Whether to halve the grid, rounding up.
    """

    def __init__(self, input_filters, filters, pool=False, **kwargs):
        super().__init__(autocast=False, dtype="float32", **kwargs)
        self._pool = pool
        self.kernel = self.add_weight(
            name="kernel", shape=(3, 3, input_filters, filters), initializer="he_normal"
        )
        self.shift = self.add_weight(name="shift", shape=(filters,), initializer="zeros")
        self.mean = self._add_average("mean", filters, "zeros")
        self.variance = self._add_average("variance", filters, "ones")
        self.built = True

    def _add_average(self, name, filters, initializer):
        return self.add_weight(
            name=name,
            shape=(filters,),
            initializer=initializer,
            trainable=False,
            aggregation="mean",
        )

    def call(self, inputs):
        """Returns the outputs of inference for inputs `[B, H, W, C]`."""
        scale = tf.math.rsqrt(self.variance + _EPSILON)
        outputs = tf.nn.conv2d(inputs, self.kernel * scale, 1, "SAME")
        outputs = tf.nn.relu(outputs + (self.shift - self.mean * scale))
        return self._pooled(outputs)

    def forward(self, inputs):
        """Returns training outputs, in the inputs' dtype, and the batch's (mean, variance)."""
        outputs = tf.nn.conv2d(inputs, tf.cast(self.kernel, inputs.dtype), 1, "SAME")
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            self._pooled(outputs),  # First: it leaves a quarter to normalise.
            tf.ones_like(self.shift),
            tf.convert_to_tensor(self.shift),
            epsilon=_EPSILON,
            is_training=True,
        )
        return tf.nn.relu(outputs), (mean, variance)

    def observe(self, moments):
        """Moves the averages towards the (mean, variance) that `forward` gave."""
        for average, value in zip((self.mean, self.variance), moments, strict=True):
            average.assign(_MOMENTUM * average + (1.0 - _MOMENTUM) * tf.stop_gradient(value))

    def _pooled(self, outputs):
        return tf.nn.max_pool2d(outputs, 2, 2, "SAME") if self._pool else outputs
