"""Convolutions in frequency space against convolutions summed in float64."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers import grid_convolution

# Odd and even sizes, kernels larger than the grid, grids of one line, a large grid.
CASES = [
    ((7, 7), 5),
    ((4, 6), 3),
    ((5, 3), 4),
    ((3, 2), 7),
    ((1, 8), 5),
    ((6, 6), 1),
    ((24, 24), 3),
]
CHANNELS, FILTERS = 6, 20


def make(kernel_size, use_bias=True, dtype="float32"):
    layer = keras.layers.Conv2D(
        FILTERS,
        kernel_size,
        padding="same",
        use_bias=use_bias,
        bias_initializer=keras.initializers.RandomNormal(seed=2),
        kernel_initializer=keras.initializers.RandomNormal(seed=1),
        dtype=dtype,
    )
    layer.build((None, None, None, CHANNELS))
    return layer


def inputs_for(grid, rows=3):
    shape = (grid[0] * grid[1], rows, CHANNELS)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def convolve_by_sums(x, kernel, grid):
    """Sums over taps: x `[positions, B, channels]`; all in float64."""
    size = kernel.shape[0]
    before = (size - 1) // 2
    maps = x.reshape(*grid, *x.shape[1:]).astype(np.float64)
    padded = np.pad(maps, [(before, size - 1 - before)] * 2 + [(0, 0)] * 2)
    total = 0.0
    for row, column in itertools.product(range(size), repeat=2):
        window = padded[row : row + grid[0], column : column + grid[1]]
        total = total + window @ kernel[row, column].astype(np.float64)
    return total.reshape(-1, x.shape[1], kernel.shape[-1])


def relative_error(actual, expected):
    return np.abs(np.asarray(actual, np.float64) - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize(("grid", "kernel_size"), CASES)
def test_it_is_the_convolution(grid, kernel_size, use_bias):
    layer = make(kernel_size, use_bias)
    extra = np.arange(FILTERS, dtype=np.float32)
    x = inputs_for(grid)
    expected = convolve_by_sums(x, layer.kernel.numpy(), grid) + extra
    if use_bias:
        expected = expected + layer.bias.numpy()
    assert relative_error(grid_convolution(layer, grid, extra)(x), expected) < 2e-6


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
@pytest.mark.parametrize(("grid", "kernel_size"), [((7, 7), 5), ((5, 3), 4)])
def test_gradients_are_those_of_conv2d(grid, kernel_size, mode):
    layer = make(kernel_size)
    x = tf.constant(inputs_for(grid))
    weights = np.random.default_rng(1).normal(size=(x.shape[0], x.shape[1], FILTERS))

    def gradients(prepare):
        with tf.GradientTape() as tape:
            tape.watch(x)
            convolve = prepare()
            # Used twice, as in a recursion: gradients of both uses add up.
            y = convolve(x) + convolve(2.0 * x) ** 2
            total = tf.reduce_sum(y * tf.constant(weights, tf.float32))
        return tape.gradient(total, [x, *layer.trainable_weights])

    def by_conv2d(inputs):
        maps = tf.transpose(tf.reshape(inputs, [*grid, -1, CHANNELS]), [2, 0, 1, 3])
        return tf.reshape(tf.transpose(layer(maps), [1, 2, 0, 3]), [x.shape[0], -1, FILTERS])

    def ours():
        return gradients(lambda: grid_convolution(layer, grid))

    if mode != "eager":
        ours = tf.function(ours, jit_compile=mode == "xla")
    for actual, expected in zip(ours(), gradients(lambda: by_conv2d), strict=True):
        assert relative_error(actual, expected.numpy()) < 1e-5


def test_bfloat16_multiplies_in_bfloat16_and_gives_float32():
    layer = make(5, dtype="mixed_bfloat16")
    x = inputs_for((7, 7))
    actual = grid_convolution(layer, (7, 7))(x)
    expected = convolve_by_sums(x, layer.kernel.numpy(), (7, 7)) + layer.bias.numpy()
    assert actual.dtype == tf.float32
    assert 1e-4 < relative_error(actual, expected) < 0.03


def test_a_row_does_not_depend_on_the_others():
    convolve = grid_convolution(make(5), (7, 7))
    x = inputs_for((7, 7), rows=8)
    assert relative_error(convolve(x[:, 2:3]), np.asarray(convolve(x))[:, 2:3]) < 1e-6


def test_any_number_of_rows_in_one_trace():
    convolve = tf.function(
        grid_convolution(make(5), (7, 7)),
        input_signature=[tf.TensorSpec([49, None, CHANNELS])],
    )
    assert [convolve(inputs_for((7, 7), rows)).shape[1] for rows in (1, 4)] == [1, 4]


def test_convolutions_of_one_graph_share_their_matrices():
    layers, x = [make(5), make(5)], inputs_for((7, 7))

    @tf.function
    def both(x):
        shared = {}
        return [grid_convolution(layer, (7, 7), shared=shared)(x) for layer in layers]

    operations = both.get_concrete_function(tf.constant(x)).graph.get_operations()
    constants = [op.outputs[0].shape for op in operations if op.type == "Const"]
    assert len([shape for shape in constants if shape.num_elements() > 1000]) == 3
    for layer, result in zip(layers, both(tf.constant(x)), strict=True):
        assert relative_error(result, grid_convolution(layer, (7, 7))(x)) < 1e-6
