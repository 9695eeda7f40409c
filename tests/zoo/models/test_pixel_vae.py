"""PixelVAE: its decoder as a distribution, what it learns, what it refuses."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo import constraints, distributions
from zoo.models.pixel_vae import PixelImage
from zoo.serving import check

TINY = {
    "latent_dim": 2,
    "filters": 4,
    "num_blocks": 1,
    "encoder_filters": (4,),
    "hidden_units": 8,
}


@pytest.fixture(scope="module")
def binary():
    """A model of binary images of six pixels, all 64 of which can be listed."""
    keras.utils.set_random_seed(0)
    model = zoo.PixelVAE((2, 3, 1), likelihood="bernoulli", **TINY)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(np.asarray(weight) + 0.2 * rng.standard_normal(weight.shape))
    # A broad posterior, of which few samples tell the evidence.
    model.posterior_head.set_weights([np.zeros((8, 4)), np.array([0.3, -0.2, 0.2, 0.3])])
    return model


def all_images():
    return np.array(list(itertools.product([0, 1], repeat=6)), np.float32).reshape(64, 2, 3, 1)


def probabilities(model, latents):
    """p(x|z) of all images for one z."""
    likelihood = model.decode((tf.repeat(latents, 64, axis=0),))
    return np.exp(np.float64(likelihood.log_prob(all_images())))


def test_probabilities_of_all_images_sum_to_one(binary):
    for latents in ([[0.0, 0.0]], [[1.0, -2.0]]):
        assert probabilities(binary, tf.constant(latents)).sum() == pytest.approx(1, abs=1e-5)


def test_samples_have_their_probabilities(binary):
    draws, latents = 20_000, tf.constant([[0.5, -1.0]])
    expected = probabilities(binary, latents)
    samples = binary.decode((tf.repeat(latents, draws, axis=0),)).sample(seed=3).numpy()
    codes = samples.reshape(draws, 6) @ (2 ** np.arange(5, -1, -1))
    frequencies = np.bincount(codes.astype(int), minlength=64) / draws
    assert np.abs(frequencies - expected).max() < 5 * np.sqrt(expected.max() / draws)
    assert len(np.unique(codes)) > 30


@pytest.mark.thorough
def test_log_prob_bounds_the_evidence_from_below(binary):
    """Against p(x) by quadrature over the two latents."""
    grid = np.linspace(-6, 6, 61)
    points = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2).astype(np.float32)
    weights = np.exp(-0.5 * (points**2).sum(axis=1)) / (2 * np.pi) * (grid[1] - grid[0]) ** 2
    image = all_images()[37:38]
    given = binary.decode((tf.constant(points),)).log_prob(np.repeat(image, len(points), axis=0))
    evidence = np.log(weights @ np.exp(np.float64(given)))
    bound = tf.function(binary.log_prob)(image, num_samples=500).numpy().item()
    assert bound == pytest.approx(evidence, abs=0.1)
    one_sample = binary.log_prob(np.repeat(image, 500, axis=0), num_samples=1).numpy().mean()
    assert one_sample < evidence


def test_it_has_no_mean(binary):
    assert not binary.has_mean
    with pytest.raises(NotImplementedError, match=r"use sample\(\)"):
        binary.decode((tf.zeros([1, 2]),)).mean()


def test_reconstructions_are_draws_with_seed_0_unless_given(binary):
    images = all_images()[:40]
    drawn = binary.reconstruct(images)
    np.testing.assert_array_equal(drawn, binary.reconstruct(images, seed=0))
    np.testing.assert_array_equal(binary.predict(images, batch_size=16, verbose=0), drawn)
    assert (binary.reconstruct(images, seed=1) != drawn).numpy().any()


def test_fit_logs_no_rmse_and_lowers_the_loss():
    rng = np.random.default_rng(1)
    images = np.zeros((64, 4, 4, 1), np.float32)
    images[np.arange(64), :, rng.integers(4, size=64)] = 1.0  # one white column each
    model = zoo.PixelVAE((4, 4, 1), likelihood="bernoulli", **TINY)
    model.compile(keras.optimizers.Adam(0.02), objective=zoo.ELBO())
    history = model.fit(images, epochs=30, batch_size=32, verbose=0).history
    assert set(history) == {"loss", "rate", "distortion"}
    # log 4 nats say which column; the network's first guess costs 16 log 2.
    assert history["loss"][-1] < 4 < 8 < history["loss"][0]
    samples = model.sample(32, seed=0).numpy()
    is_column = (samples.sum(axis=(1, 2, 3)) == 4) & (samples.max(axis=2).sum(axis=(1, 2)) == 4)
    assert is_column.mean() > 0.6


@pytest.mark.parametrize("shape", [(5, 7, 1), (3, 2, 4)])
def test_it_takes_any_size_and_number_of_channels(shape):
    model = zoo.PixelVAE(shape, **TINY)
    assert model.reconstruct(np.zeros((1, *shape), np.float32)).shape == (1, *shape)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 4}, "kernel_size must be odd.* Received: kernel_size=4"),
        ({"first_kernel_size": 2}, "first_kernel_size must be odd"),
        ({"filters": 0}, "filters must be an int of at least 1. Received: filters=0"),
        ({"num_blocks": 0}, "num_blocks must be an int"),
        ({"encoder_filters": ()}, "encoder_filters must be one or more ints"),
        ({"likelihood": "gaussian"}, "'discretized_logistic_mixture' or 'bernoulli'.*=Gaussian"),
        ({"likelihood": "bernoulli"}, "models 1 channel: .* Received: 2 channels"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        zoo.PixelVAE(contract.IMAGE_SHAPE, **arguments)


def test_a_constraint_on_reconstructions_is_refused(binary):
    geco = zoo.GECO(constraints.ReconstructionError(0.1))
    with pytest.raises(ValueError, match=r"ReconstructionError bounds .* PixelVAE does not have"):
        binary.compile("adam", objective=geco)


def test_config_keeps_the_likelihood():
    model = zoo.PixelVAE((4, 4, 3), likelihood=distributions.DiscretizedLogisticMixture(3), **TINY)
    copy = zoo.PixelVAE.from_config(model.get_config())
    assert copy.likelihood.num_components == 3


@pytest.mark.thorough
def test_export_is_refused_if_it_draws_other_images(binary, tmp_path, monkeypatch):
    def draw(image, noise):
        del noise
        return tf.random.uniform([tf.shape(image._latents)[0], 2, 3, 1])

    monkeypatch.setattr(PixelImage, "draw", draw)
    with pytest.raises(
        RuntimeError, match=r"images that the exported model drew, only [0-3] are those"
    ):
        binary.export(tmp_path / "1", log_prob_samples=1)
    assert not (tmp_path / "1").exists()


def test_a_pixel_at_a_threshold_does_not_stop_an_export():
    expected = np.zeros((3, 2, 3, 1), np.float32)
    received = expected.copy()
    received[1, 1] = 1.0
    assert check._compare_draws(expected, received) == [True, False, True]
    assert check._compare_draws(expected, received[:2]) == [False] * 3
