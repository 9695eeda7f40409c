"""Drawing pixel by pixel with a memory gives what the whole network gives for every pixel."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.distributions import Bernoulli, DiscretizedLogisticMixture
from zoo.layers import PixelCNN
from zoo.sampling import sample_pixels, sample_pixels_naively

BATCH = 3


def make(shape, likelihood, **sizes):
    sizes = {"filters": 6, "num_blocks": 2, "kernel_size": 3, "first_kernel_size": 5} | sizes
    network = PixelCNN(shape, 2, likelihood.num_parameters(shape[-1]), **sizes)
    rng = np.random.default_rng(0)
    for weight in network.trainable_weights:
        weight.assign(np.asarray(weight) + 0.2 * rng.standard_normal(weight.shape))
    latents = tf.constant(rng.normal(size=(BATCH, 2)).astype(np.float32))
    uniforms = rng.uniform(size=(BATCH, *shape[:2], likelihood.num_uniforms(shape[-1])))
    return network, likelihood, latents, tf.constant(uniforms.astype(np.float32))


@pytest.mark.parametrize(
    ("shape", "likelihood", "sizes"),
    [
        ((6, 7, 3), DiscretizedLogisticMixture(2), {"position_embedding": True}),
        pytest.param(
            (7, 4, 1),
            Bernoulli(),
            {"kernel_size": 5, "first_kernel_size": 1},
            marks=pytest.mark.thorough,
        ),
        ((1, 5, 2), DiscretizedLogisticMixture(1), {"kernel_size": 1, "num_blocks": 1}),
    ],
    ids=["colours", "binary", "one_row"],
)
def test_it_draws_what_the_naive_sampler_draws(shape, likelihood, sizes):
    arguments = make(shape, likelihood, **sizes)
    fast, naive = sample_pixels(*arguments).numpy(), sample_pixels_naively(*arguments).numpy()
    assert fast.shape == (BATCH, *shape)
    # Rounding at a threshold could change a pixel and all after it: with these numbers it does not.
    np.testing.assert_allclose(fast, naive, atol=1e-6)
    assert len(np.unique(fast)) > (1 if shape[0] > 1 else 3)


def test_the_naive_sampler_draws_each_pixel_given_those_before_it():
    network, likelihood, latents, uniforms = make((3, 4, 2), DiscretizedLogisticMixture(2))
    naive = sample_pixels_naively(network, likelihood, latents, uniforms)
    # Given the whole drawn image the network says of each pixel what it said when it was drawn.
    again = likelihood.draw(likelihood(network(naive, latents)), uniforms)
    np.testing.assert_allclose(again, naive, atol=1e-6)


def test_an_image_depends_on_its_own_row_alone():
    network, likelihood, latents, uniforms = make((4, 4, 1), DiscretizedLogisticMixture(2))
    together = sample_pixels(network, likelihood, latents, uniforms)
    alone = sample_pixels(network, likelihood, latents[1:2], uniforms[1:2])
    np.testing.assert_allclose(alone[0], together[1], atol=1e-6)


def test_work_for_a_pixel_does_not_grow_with_the_image():
    """Multiplications of a row's loop body and of a pixel's, read off the graph."""
    sizes = {}
    for height, width in [(4, 4), (16, 4), (4, 16)]:
        arguments = make((height, width, 1), Bernoulli())
        graph = sample_pixels.get_concrete_function(*arguments).graph
        row, pixel = loop_bodies(graph)
        sizes[height, width] = (largest(row), largest(pixel))
    assert sizes[16, 4] == sizes[4, 4]
    # A row of four times the pixels is four times as much for the stream that takes a whole row.
    assert sizes[4, 16][1] == sizes[4, 4][1]
    assert sizes[4, 16][0] == sizes[4, 4][0] * 4


def loop_bodies(graph):
    """The body of the loop over rows, and in it that of the loop over pixels."""
    bodies = []
    while loops := [op for op in graph.get_operations() if op.type.endswith("While")]:
        (loop,) = loops
        graph = graph._get_function(loop.get_attr("body").name).graph
        bodies.append(graph)
    return bodies


def largest(graph):
    """Numbers of the largest result of a convolution or product, for one image."""
    outputs = [op.outputs[0] for op in graph.get_operations() if op.type in ("Conv2D", "MatMul")]
    return max(int(np.prod([size or 1 for size in output.shape[1:]])) for output in outputs)
