"""The chain of encoding and decoding: each step by hand, its noise, what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.tiers import cover
from zoo import distributions, random
from zoo.sampling import markov_chain

LIKELIHOODS = {
    "gaussian": distributions.Gaussian(scale=0.1),
    "bernoulli": distributions.Bernoulli(),
    "continuous_bernoulli": distributions.ContinuousBernoulli(),
    "discretized_logistic_mixture": distributions.DiscretizedLogisticMixture(2),
}


def make(likelihood):
    return zoo.ConvVAE(
        contract.IMAGE_SHAPE, latent_dim=3, filters=(4,), hidden_units=8, likelihood=likelihood
    )


@pytest.fixture(scope="module")
def model():
    return make(LIKELIHOODS["gaussian"])


@pytest.fixture(scope="module")
def pixel_vae():
    return contract.make_model("PixelVAE")


def test_a_step_draws_latents_and_then_pixels(model, images):
    chain = markov_chain(model, 2, images, seed=(4, 1))
    assert chain.shape == (3, *images.shape)
    np.testing.assert_array_equal(chain[0], images)
    for step in range(2):
        noise = random.RowNoise(random.row_seeds((4, 1), len(images)))
        record = model.infer(chain[step], seed=noise.fold(2 * step + 1))
        normal = tf.math.ndtri(noise.fold(2 * step + 2).uniform(contract.IMAGE_SHAPE))
        expected = np.clip(record.reconstruction + 0.1 * normal, 0, 1)
        np.testing.assert_allclose(chain[step + 1], expected, atol=1e-5)


def test_means_in_place_of_draws(model, images):
    chain = markov_chain(model, 1, images, seed=3, draw_pixels=False)
    noise = random.RowNoise(random.row_seeds(3, len(images))).fold(1)
    np.testing.assert_allclose(chain[1], model.reconstruct(images, seed=noise), atol=1e-5)


@pytest.mark.parametrize("name", ["bernoulli", "continuous_bernoulli"])
def test_pixels_are_drawn_from_the_likelihood(name):
    model, count = make(LIKELIHOODS[name]), 4000
    latents = tf.zeros([1, 3])
    distribution = model.decode((latents,))
    uniforms = np.random.default_rng(0).uniform(size=(count, *contract.IMAGE_SHAPE))
    drawn = model.likelihood.draw(distribution, uniforms.astype(np.float32)).numpy()
    spread = drawn.std(axis=0).max()
    difference = np.abs(drawn.mean(axis=0) - distribution.mean()[0]).max()
    assert difference < 5 * spread / np.sqrt(count)
    assert spread == pytest.approx({"bernoulli": 0.5, "continuous_bernoulli": 0.289}[name], rel=0.1)


def test_it_starts_from_uniform_noise(model):
    chain = markov_chain(model, 1, num=40, seed=0)
    start = chain[0].numpy()
    assert start.shape == (40, *contract.IMAGE_SHAPE)
    assert 0 < start.min() < 0.01
    assert 0.99 < start.max() < 1
    assert start.mean() == pytest.approx(0.5, abs=0.03)
    assert start.std() == pytest.approx(12**-0.5, abs=0.02)


@pytest.mark.parametrize("name", cover(["model", "pixel_vae"], ["model"]))
def test_a_chain_depends_on_its_own_seed_alone(name, request):
    model = request.getfixturevalue(name)
    together = markov_chain(model, 2, num=4, seed=(5, 0))
    alone = markov_chain(model, 2, num=1, seed=(5, 2))
    np.testing.assert_allclose(alone[:, 0], together[:, 2], atol=1e-5)
    other = markov_chain(model, 2, num=4, seed=(6, 0))
    assert (np.abs(other - together).max(axis=(2, 3, 4)) > 1e-3).all()


def test_a_pixel_vae_draws_its_pixels(pixel_vae, images):
    chain = markov_chain(pixel_vae, 1, images, seed=0)
    noise = random.RowNoise(random.row_seeds(0, len(images)))
    expected = pixel_vae.infer(images, seed=noise.fold(1)).likelihood.draw(noise.fold(2))
    np.testing.assert_allclose(chain[1], expected, atol=1e-5)


def test_a_conditional_model_keeps_its_context(images):
    model = contract.make_model("ConvDRAW_conditional")
    given = contract.context_of(model, images)
    chain = markov_chain(model, 2, images, **given)
    assert chain.shape == (3, *images.shape)
    with pytest.raises(ValueError, match="This model is conditional: pass context="):
        markov_chain(model, 1, images)


def test_uint8_images_start_a_chain(model, images):
    levels = np.round(255 * images).astype(np.uint8)
    chains = [markov_chain(model, 1, x) for x in (levels, levels / np.float32(255))]
    np.testing.assert_allclose(*chains, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Pass images=, .* or num=.* Received: neither"),
        ({"images": np.zeros((1, 4, 8, 2), np.float32), "num": 1}, "Received: both"),
        ({"num": 0}, "num must be an int of at least 1. Received: num=0"),
        ({"num": 1, "num_steps": 0}, "num_steps must be .* Received: num_steps=0"),
        ({"num": 1, "num_steps": 1.5}, "num_steps must be an int"),
        ({"images": np.zeros((1, 4, 4, 2), np.float32)}, r"takes images of shape \[batch, 4, 8, 2"),
        ({"images": np.full((1, 4, 8, 2), 2.0, np.float32)}, "2"),
        ({"num": 1, "context": np.zeros((1, 4, 8, 1), np.float32)}, "takes no context"),
    ],
)
def test_bad_arguments_are_refused(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        markov_chain(model, **({"num_steps": 1} | arguments))


def test_a_model_without_a_mean_gives_none(pixel_vae):
    with pytest.raises(ValueError, match="no mean image in closed form: leave draw_pixels at True"):
        markov_chain(pixel_vae, 1, num=1, draw_pixels=False)


def test_an_unregularised_model_is_sampled_by_its_chain():
    """Two patterns: samples of the prior may be anything, the chain comes to a pattern."""
    patterns = np.zeros((2, 4, 4, 1), np.float32)
    patterns[0, :2], patterns[1, 2:] = 1.0, 1.0
    images = np.tile(patterns, (16 * 60, 1, 1, 1))
    model = zoo.ConvVAE(
        (4, 4, 1), latent_dim=2, filters=(8,), hidden_units=16, likelihood="bernoulli"
    )
    model.compile(keras.optimizers.Adam(0.02), objective=zoo.Unregularised())
    model.fit(images, batch_size=32, shuffle=False, verbose=0)
    last = markov_chain(model, 10, num=20)[-1].numpy()
    nearest = np.abs(last[:, None] - patterns).mean(axis=(2, 3, 4)).min(axis=1)
    assert np.median(nearest) < 0.1
