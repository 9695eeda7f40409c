"""A convolution that sees no further than itself along one axis, on whole images or in steps."""

import keras
import tensorflow as tf

__all__ = ["CausalConvolution"]

ROWS, COLUMNS = 1, 2  # Axes of `[B, H, W, C]`.


class CausalConvolution(keras.layers.Layer):
    """A convolution whose outputs depend on no input after their own along `axis`.

    Along the other axis it sees either side of a position ("same" padding). Causality comes from
    where the zeros are put, as in PixelCNN++'s shifted convolutions, so no weight is masked away.

    It can be fed an image in parts: `advance` takes the next rows (or columns) and what it
    remembers of those before. From a memory of zeros a whole image at once gives what its parts
    give one after the other, which is how sampling does for a pixel no more work than a pixel's.

    Args:
        input_filters: Channels of the inputs.
        filters: Channels of the outputs.
        kernel_size: (rows, columns).
        axis: 1, causal from top to bottom, or 2, causal from left to right.
        kernel_initializer: Keras initialiser of the kernel.
    """

    def __init__(
        self,
        input_filters,
        filters,
        kernel_size,
        axis,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._axis = axis
        self._kernel_size = tuple(kernel_size)
        self._reach = kernel_size[axis - 1] - 1
        self._side = kernel_size[2 - axis] // 2
        self.input_filters = input_filters
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*kernel_size, input_filters, filters),
            initializer=kernel_initializer,
        )
        self.bias = self.add_weight(name="bias", shape=(filters,), initializer="zeros")
        self.built = True

    def blank_memory(self, batch, length):
        """What it remembers before the first part: zeros.

        Args:
            batch: Images of the batch.
            length: Size of the parts across the causal axis.
        """
        shape = [batch, self._reach, length] if self._axis == ROWS else [batch, length, self._reach]
        return tf.zeros([*shape, self.input_filters], self.compute_dtype)

    def advance(self, inputs, memory):
        """Convolves the next part `[B, h, w, C]`; returns the outputs and the next memory."""
        inputs = tf.cast(inputs, self.compute_dtype)
        window = tf.concat([memory, inputs], axis=self._axis)
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), self.compute_dtype)
        bias = tf.cast(tf.convert_to_tensor(self.bias), self.compute_dtype)
        if window.shape[1:3] == self._kernel_size and not self._side:
            outputs = _apply_once(window, kernel)
        else:
            sides = [[0, 0], [0, 0]]
            sides[2 - self._axis] = [self._side, self._side]
            outputs = tf.nn.conv2d(window, kernel, 1, [[0, 0], *sides, [0, 0]])
        return tf.nn.bias_add(outputs, bias), self._latest(inputs, window)

    def _latest(self, inputs, window):
        if inputs.shape[self._axis] == self._reach:  # Spares the sampler many small copies.
            return inputs
        first = window.shape[self._axis] - self._reach
        return window[:, first:] if self._axis == ROWS else window[:, :, first:]


def _apply_once(window, kernel):
    """The convolution of a window of the kernel's size, as a product: `[B, 1, 1, filters]`."""
    size, filters = window.shape[1] * window.shape[2] * window.shape[3], kernel.shape[-1]
    outputs = tf.matmul(tf.reshape(window, [-1, size]), tf.reshape(kernel, [size, filters]))
    return outputs[:, None, None]
