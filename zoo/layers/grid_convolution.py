"""Convolutions on a small grid, as products in frequency space."""

import functools
import math

import numpy as np
import tensorflow as tf

__all__ = ["grid_convolution"]


def grid_convolution(layer, grid, extra_bias=None, shared=None):
    """Returns a convolution as a function of `[positions, B, channels]`, its weights ready for use.

    `positions` are those of a grid, row by row. A recursion makes each of its convolutions once,
    before it calls them at every step, so that weights are cast and transformed once.

    On a small grid with a large kernel most of a convolution's arithmetic can be saved by the
    convolution theorem: with constant matrices A, K and S (see `_frequency_matrices`),

        convolution(x, kernel) = S · ((A · x) ⊙ (K · kernel)),

    where ⊙ multiplies, at each frequency, a `[B, channels]` matrix by a `[channels, filters]` one.
    That is the same function, as exact in float32 as `tf.nn.conv2d`. A 5x5 kernel on a 7x7 grid
    with 80 channels and 128 filters takes a fifth of the multiplications. Where it would take more
    (large grids, small kernels) this is `tf.nn.conv2d`.

    Args:
        layer: A built `keras.layers.Conv2D` with a square kernel, stride 1 and padding "same".
        grid: (height, width) of the grid.
        extra_bias: A bias in addition to the layer's own, `[filters]`.
        shared: A dict, empty at first, by which the convolutions that are made in one graph have
            their constant matrices in common: an exported model holds each of them once.

    Returns:
        A function from float32 `[positions, B, channels]` to float32 `[positions, B, filters]`.
        Under a mixed precision policy it multiplies in the layer's compute dtype, and adds the bias
        and leaves what follows in float32.
    """
    kernel = tf.cast(tf.convert_to_tensor(layer.kernel), tf.float32)
    dtype = layer.compute_dtype
    if layer.kernel_size == (1, 1):
        multiply = functools.partial(_multiply_channels, tf.cast(kernel[0, 0], dtype))
    elif _is_worthwhile(grid, kernel.shape):
        multiply = _in_frequency_space(kernel, grid, dtype, {} if shared is None else shared)
    else:
        multiply = functools.partial(_convolve_directly, tf.cast(kernel, dtype), grid)
    bias = tf.cast(tf.convert_to_tensor(layer.bias), tf.float32) if layer.use_bias else None
    if extra_bias is not None:
        bias = extra_bias if bias is None else bias + extra_bias

    def convolve(inputs):
        outputs = tf.cast(multiply(tf.cast(inputs, dtype)), tf.float32)
        return outputs if bias is None else tf.nn.bias_add(outputs, bias)

    return convolve


def _in_frequency_space(kernel, grid, dtype, shared):
    size = kernel.shape[0]
    if (size, dtype) not in shared:
        analysis, of_kernel, synthesis = _frequency_matrices(grid, size)
        of_kernel = tf.constant(of_kernel, tf.float32)
        shared[size, dtype] = tf.constant(analysis, dtype), of_kernel, tf.constant(synthesis, dtype)
    analysis, of_kernel, synthesis = shared[size, dtype]
    taps = tf.reshape(kernel, [-1, *kernel.shape[2:]])
    spectrum = tf.cast(tf.tensordot(of_kernel, taps, 1), dtype)

    def multiply(inputs):
        frequencies = _multiply_positions(analysis, inputs)
        return _multiply_positions(synthesis, tf.matmul(frequencies, spectrum))

    return multiply


def _multiply_positions(matrix, inputs):
    """Multiplies `[n, positions]` by `[positions, B, channels]`."""
    flat = tf.matmul(matrix, tf.reshape(inputs, [matrix.shape[1], -1]))
    return tf.reshape(flat, [matrix.shape[0], -1, inputs.shape[-1]])


def _multiply_channels(kernel, inputs):
    """Multiplies `[positions, B, channels]` by `[channels, filters]`."""
    flat = tf.matmul(tf.reshape(inputs, [-1, kernel.shape[0]]), kernel)
    return tf.reshape(flat, [inputs.shape[0], -1, kernel.shape[1]])


def _convolve_directly(kernel, grid, inputs):
    images = tf.reshape(inputs, [*grid, -1, kernel.shape[2]])
    outputs = tf.nn.conv2d(tf.transpose(images, [2, 0, 1, 3]), kernel, strides=1, padding="SAME")
    outputs = tf.transpose(outputs, [1, 2, 0, 3])
    return tf.reshape(outputs, [grid[0] * grid[1], -1, kernel.shape[3]])


def _is_worthwhile(grid, kernel_shape):
    """Whether the products in frequency space take fewer multiplications than the convolution."""
    size, _, channels, filters = kernel_shape
    positions = grid[0] * grid[1]
    frequencies = 1.5 * (grid[0] + size // 2) * (grid[1] + size // 2)
    transforms = frequencies * positions * (channels + filters)
    products = frequencies * channels * filters
    # Convolutions compute filters in vectors of 16 numbers (512 bits), filled up if need be.
    vectors = 16 * math.ceil(filters / 16)
    return transforms + products < size**2 * positions * channels * vectors


@functools.cache
def _frequency_matrices(grid, kernel_size):
    """Makes the analysis, kernel and synthesis matrices of a grid and a kernel size.

    The transform is the discrete Fourier transform on a torus of h + k // 2 by w + k // 2
    positions: just large enough that what wraps around lands outside the h by w grid. Of each pair
    of opposite frequencies one is kept, as inputs are real. The product of complex numbers
    (a + ib)(c + id) is made of three real ones (Gauss): c(a + b), a(d - c) and b(c + d).

    Returns:
        Arrays `[n, h * w]`, `[n, k * k]` and `[h * w, n]`, n about 1.5 (h + k // 2)(w + k // 2).
    """
    periods = np.array([size + kernel_size // 2 for size in grid])
    positions = np.indices(grid).reshape(2, -1)
    offsets = np.indices((kernel_size, kernel_size)).reshape(2, -1) - (kernel_size - 1) // 2
    analysis, kernel, synthesis = [], [], []
    for frequency in np.ndindex(*periods):
        opposite = tuple(-np.array(frequency) % periods)
        if opposite < frequency:
            continue
        angles = 2 * np.pi * (np.array(frequency) / periods)
        cos, sin = np.cos(angles @ positions), np.sin(angles @ positions)
        kernel_cos, kernel_sin = np.cos(angles @ offsets), np.sin(angles @ offsets)
        if opposite == frequency:  # Its own opposite: a real number.
            analysis += [cos]
            kernel += [kernel_cos]
            synthesis += [cos / periods.prod()]
        else:
            analysis += [cos - sin, cos, -sin]
            kernel += [kernel_cos, kernel_sin - kernel_cos, kernel_cos + kernel_sin]
            synthesis += [scale * 2 / periods.prod() for scale in (cos - sin, -sin, -cos)]
    return np.stack(analysis), np.stack(kernel), np.stack(synthesis, axis=1)
