"""I(x; z) against a closed form, a SciPy reference, and its cap."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import zoo
from training.datasets.image_dataset import ImageDataset
from training.datasets.splits import MemorySplit
from training.evaluation import mutual_information

NUM = 400


@pytest.fixture(scope="module")
def data():
    images = np.random.default_rng(0).integers(0, 256, (NUM, 4, 4, 1), dtype=np.uint8)
    return ImageDataset("noise", (4, 4, 1), None, "", {"test": MemorySplit({"image": images})})


@pytest.fixture
def model():
    """A ConvVAE with a linear posterior N(slope · first pixel, 1)."""
    encoder = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    decoder = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(16), keras.layers.Reshape((4, 4, 1))]
    )
    return zoo.ConvVAE((4, 4, 1), latent_dim=1, encoder=encoder, decoder=decoder)


def set_slope(model, slope):
    kernel, bias = model.posterior_head.weights
    kernel.assign(np.zeros(kernel.shape))
    bias.assign(np.zeros(bias.shape))
    values = np.zeros(kernel.shape)
    values[0, 0] = slope
    kernel.assign(values)


def information_by_quadrature(slope):
    """I(x; z) of z = slope · u + noise with u uniform on the 256 levels: h(z) - h(noise)."""
    means = slope * np.arange(256) / 255.0
    grid = np.linspace(-10, slope + 10, 20001)
    density = scipy.stats.norm.pdf(grid[:, None], means).mean(axis=1)
    entropy = np.trapezoid(scipy.special.entr(density), grid)
    return entropy - scipy.stats.norm.entropy()


@pytest.mark.parametrize("slope", [0.0, 3.0, 8.0])
def test_a_linear_posterior_tells_what_quadrature_says(data, model, slope):
    set_slope(model, slope)
    found = mutual_information.measure(model, data)
    expected = information_by_quadrature(slope)
    # N images stand for all, which moves the mixture by about 1/sqrt(N).
    error = 4 * found["mutual_information_error"] + 0.02
    assert found["mutual_information"] == pytest.approx(expected, abs=error)
    # KL(N(slope · u, 1) ‖ N(0, 1)) over the levels u, in the mean.
    average = 0.5 * np.mean((slope * np.arange(256) / 255.0) ** 2)
    assert found["average_kl"] == pytest.approx(average, rel=0.15, abs=0.1)


def test_a_few_latents_are_set_beside_all_images(data, model):
    set_slope(model, 8.0)
    found = mutual_information.measure(model, data, num_latents=100)
    assert found["log_num_images"] == pytest.approx(np.log(NUM))
    error = 4 * found["mutual_information_error"] + 0.02
    assert found["mutual_information"] == pytest.approx(information_by_quadrature(8.0), abs=error)
    whole = mutual_information.measure(model, data)
    assert found["mutual_information_error"] > 1.5 * whole["mutual_information_error"]


def test_separate_posteriors_reach_the_cap(data, model):
    set_slope(model, 1e5)
    found = mutual_information.measure(model, data)
    first_pixels = data.arrays("test")["image"][:, 0, 0, 0]
    # Images whose first pixels agree share a posterior.
    shares = np.unique(first_pixels, return_counts=True)[1] / NUM
    assert found["mutual_information"] == pytest.approx(scipy.stats.entropy(shares), abs=1e-3)
    assert found["mutual_information"] < found["log_num_images"] == pytest.approx(np.log(NUM))


def test_both_ways_to_the_densities_agree(data):
    keras.utils.set_random_seed(0)
    model = zoo.ConvVAE((4, 4, 1), latent_dim=3, filters=(2,), hidden_units=4)
    images = np.concatenate([b["image"] for b in data.batches("test", 50, 50)]) / np.float32(255)
    latents = tuple(z.numpy() for z in model.encode(tf.constant(images), seed=1))
    fast = mutual_information._normal_densities(model, images, latents)
    slow = mutual_information._densities(model, images, latents)
    np.testing.assert_allclose(fast, slow, rtol=1e-4, atol=1e-4)
