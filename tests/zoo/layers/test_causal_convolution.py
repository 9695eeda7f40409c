"""Causal convolutions: what they see, and that parts give what the whole gives."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.layers import CausalConvolution

SIZES = [(1, 1, 1), (2, 3, 1), (3, 5, 1), (1, 2, 2), (1, 3, 2)]  # rows, columns, causal axis


def make(rows, columns, axis):
    layer = CausalConvolution(2, 3, (rows, columns), axis)
    layer.bias.assign([0.5, -1.0, 2.0])
    return layer


def blank(layer, image, axis):
    return layer.blank_memory(image.shape[0], image.shape[3 - axis])


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_sum_over_the_kernel_of_what_lies_before(size):
    rows, columns, axis = size
    layer = make(*size)
    image = np.random.default_rng(0).normal(size=(2, 4, 5, 2)).astype(np.float32)
    actual, _ = layer.advance(image, blank(layer, image, axis))
    kernel = np.float64(layer.kernel.numpy())
    top = rows - 1  # The lowest row of the kernel is the pixel's own.
    left = columns - 1 if axis == 2 else columns // 2
    expected = np.tile([0.5, -1.0, 2.0], (2, 4, 5, 1))
    for i, j in np.ndindex(4, 5):
        for di, dj in np.ndindex(rows, columns):
            r, c = i + di - top, j + dj - left
            if 0 <= r < 4 and 0 <= c < 5:
                expected[:, i, j] += image[:, r, c] @ kernel[di, dj]
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("part", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_parts_give_what_the_whole_gives(size, part):
    axis = size[-1]
    layer = make(*size)
    image = np.random.default_rng(1).normal(size=(2, 4, 4, 2)).astype(np.float32)
    whole, _ = layer.advance(image, blank(layer, image, axis))
    memory, outputs = blank(layer, image, axis), []
    for piece in np.split(image, 4 // part, axis=axis):
        output, memory = layer.advance(tf.constant(piece), memory)
        outputs.append(output)
    np.testing.assert_allclose(tf.concat(outputs, axis), whole, atol=1e-5)
