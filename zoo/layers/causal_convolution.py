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
    A part may be a single pixel of each image, `[B, C]`, if the kernel has one row: a product.

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

    def blank_memory(self, batch, length=None):
        """What it remembers before the first part: zeros.

        Args:
            batch: Images of the batch.
            length: Size of the parts across the causal axis; None if they are single pixels.
        """
        if length is None:
            return tf.zeros([batch, self._reach * self.input_filters], self.compute_dtype)
        shape = [batch, self._reach, length] if self._axis == ROWS else [batch, length, self._reach]
        return tf.zeros([*shape, self.input_filters], self.compute_dtype)

    def advance(self, inputs, memory):
        """Convolves the next part, `[B, h, w, C]` or `[B, C]`; returns outputs and next memory."""
        inputs = tf.cast(inputs, self.compute_dtype)
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), self.compute_dtype)
        bias = tf.cast(tf.convert_to_tensor(self.bias), self.compute_dtype)
        axis = -1 if inputs.shape.rank == 2 else self._axis
        window = tf.concat([memory, inputs], axis=axis)
        if inputs.shape.rank == 2:
            # `bias_add` would be fused by oneDNN, which costs more than such a small product.
            outputs = tf.matmul(window, tf.reshape(kernel, [-1, kernel.shape[-1]])) + bias
        else:
            sides = [[0, 0], [0, 0]]
            sides[2 - self._axis] = [self._side, self._side]
            outputs = tf.nn.conv2d(window, kernel, 1, [[0, 0], *sides, [0, 0]])
            outputs = tf.nn.bias_add(outputs, bias)
        return outputs, _latest(inputs, window, memory.shape[axis], axis)


def _latest(inputs, window, size, axis):
    """The last of the window along an axis, as many as are remembered."""
    if inputs.shape[axis] == size:  # Spares the sampler many small copies.
        return inputs
    return tf.split(window, [window.shape[axis] - size, size], axis=axis)[1]
