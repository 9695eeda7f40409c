"""PixelCNN: no pixel's parameters see the pixel itself or one after it."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.distributions import DiscretizedLogisticMixture
from zoo.layers import PixelCNN

HEIGHT, WIDTH = 4, 5


def make(channels=2, num_parameters=3, num_blocks=2, kernel_size=3, first_kernel_size=3):
    layer = PixelCNN(
        (HEIGHT, WIDTH, channels), 2, num_parameters, 4, num_blocks, kernel_size, first_kernel_size
    )
    rng = np.random.default_rng(0)
    for weight in layer.trainable_weights:  # The second convolutions would hide what they see.
        weight.assign(np.asarray(weight) + 0.3 * rng.standard_normal(weight.shape))
    return layer


def inputs(channels=2):
    rng = np.random.default_rng(1)
    images = rng.uniform(size=(1, HEIGHT, WIDTH, channels)).astype(np.float32)
    return tf.constant(images), tf.constant(rng.normal(size=(1, 2)).astype(np.float32))


def sensitivity(layer, images, latents):
    """|d parameters of a pixel / d pixel|, `[pixels, pixels]` in raster order."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        parameters = layer(images, latents)
    jacobian = tf.abs(tape.jacobian(parameters, images, experimental_use_pfor=False))[0, :, :, :, 0]
    pixels = HEIGHT * WIDTH
    jacobian = tf.reduce_sum(jacobian, axis=[2, 5])
    return tf.reshape(jacobian, [pixels, pixels]).numpy()


@pytest.mark.parametrize(
    ("num_blocks", "kernel_size", "first_kernel_size"),
    [
        (1, 3, 7),
        pytest.param(4, 3, 7, marks=pytest.mark.thorough),
        pytest.param(2, 1, 3, marks=pytest.mark.thorough),
        (2, 5, 3),
        pytest.param(3, 3, 1, marks=pytest.mark.thorough),
    ],
)
def test_parameters_depend_on_the_pixels_before_alone(num_blocks, kernel_size, first_kernel_size):
    layer = make(1, 1, num_blocks, kernel_size, first_kernel_size)
    actual = sensitivity(layer, *inputs(channels=1))
    assert (np.triu(actual) == 0).all()
    # The neighbours before it, above and to the left, they do depend on.
    of_last = actual[-1].reshape(HEIGHT, WIDTH)
    assert of_last[-1, -2] > 0
    assert of_last[-2, -1] > 0
    if num_blocks * kernel_size >= 10:  # A large network sees all that came before.
        pixels = HEIGHT * WIDTH
        assert (actual > 0).sum() == pixels * (pixels - 1) / 2


@pytest.mark.parametrize("position_embedding", [False, True])
def test_a_row_that_reaches_no_border_knows_its_place_by_its_position_alone(position_embedding):
    """Why samples of MNIST began digits that the bottom cut: a decoder reaches 12 of 28 rows."""
    height, reach = 9, 2 + 2  # The first convolution's rows, and one for each of two others.
    layer = PixelCNN((height, 12, 1), 2, 3, 4, 1, 3, 3, position_embedding)
    rng = np.random.default_rng(0)
    for weight in layer.trainable_weights:
        weight.assign(np.asarray(weight) + 0.3 * rng.standard_normal(weight.shape))
    parameters = layer(tf.zeros([1, height, 12, 1]), tf.zeros([1, 2])).numpy()[0]
    deep = parameters[reach:]
    assert np.abs(np.diff(parameters[: reach + 1], axis=0)).max() > 1e-3  # The top is seen.
    if position_embedding:
        assert (np.abs(np.diff(deep, axis=0)).max(axis=(1, 2)) > 1e-3).all()
    else:
        np.testing.assert_allclose(deep, np.repeat(deep[:1], len(deep), axis=0), atol=1e-6)


def test_channels_of_a_pixel_are_drawn_in_order():
    """With the mixture's coupled means: a channel's mass sees no channel after it."""
    likelihood = DiscretizedLogisticMixture(2)
    layer = make(3, likelihood.num_parameters(3))
    images, latents = inputs(channels=3)
    uniforms = tf.constant(
        np.random.default_rng(2).uniform(size=(1, HEIGHT, WIDTH, 4)).astype(np.float32)
    )
    drawn = likelihood.draw(likelihood(layer(images, latents)), uniforms).numpy()
    row, column = 2, 3
    for channel in range(3):
        other = uniforms.numpy()
        other[0, row, column, 1 + channel] = 1 - other[0, row, column, 1 + channel]
        changed = likelihood.draw(likelihood(layer(images, latents)), other).numpy() != drawn
        assert changed[0, row, column, channel]
        assert not changed[0, row, column, :channel].any()
        changed[0, row, column] = False
        assert not changed.any()


def test_later_pixels_do_not_move_the_log_prob_of_earlier_ones():
    """d log p(x_k | x_<k) / d x_j = 0 for j > k, channel by channel in raster order."""
    likelihood = DiscretizedLogisticMixture(2)
    layer = make(3, likelihood.num_parameters(3))
    images, latents = inputs(channels=3)
    base = terms(likelihood, layer, images, latents)
    for index in [(0, 0), (2, 3), (3, 4)]:
        changed = images.numpy()
        changed[(0, *index)] = 1 - changed[(0, *index)]
        moved = np.abs(terms(likelihood, layer, tf.constant(changed), latents) - base) > 1e-6
        first = index[0] * WIDTH + index[1]
        assert not moved.ravel()[:first].any()
        assert moved.ravel()[first]


def terms(likelihood, layer, images, latents):
    """log p(x_k | x_<k, z) of each pixel k, `[H, W]`."""
    parameters = layer(images, latents)
    pixels = tf.reshape(parameters, [-1, 1, 1, parameters.shape[-1]])
    values = tf.reshape(images, [-1, 1, 1, images.shape[-1]])
    return likelihood(pixels).log_prob(values).numpy().reshape(HEIGHT, WIDTH)


def test_latents_enter_every_block_of_both_streams():
    layer = make(num_blocks=3)
    images, latents = inputs()
    for block in range(6):
        kernel = np.zeros(layer.from_latents.kernel.shape, np.float32)
        kernel[:, 8 * block : 8 * (block + 1)] = 1.0
        layer.from_latents.kernel.assign(kernel)
        assert np.abs(layer(images, latents) - layer(images, latents + 1)).max() > 1e-3


def test_untrained_blocks_are_the_identity():
    layer = PixelCNN((HEIGHT, WIDTH, 1), 2, 3, 4, num_blocks=2, kernel_size=3, first_kernel_size=3)
    images, latents = inputs(channels=1)
    for block in (*layer.down.blocks, *layer.right.blocks):
        hidden = tf.random.normal([1, HEIGHT, WIDTH, 4])
        length = WIDTH if block in layer.down.blocks else HEIGHT
        outputs, _ = block.advance(hidden, block.blank_memory(1, length), tf.zeros([1, 1, 1, 8]))
        np.testing.assert_array_equal(outputs, hidden)
    # Gradients reach the latents' map through the gates all the same.
    with tf.GradientTape() as tape:
        outputs = layer(images, latents)
    assert np.abs(tape.gradient(outputs, layer.from_latents.kernel.value)).max() > 0
