"""The discretised logistic mixture against a float64 reference of its definition."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

import zoo
from tests.tiers import cover
from zoo import constraints
from zoo.distributions import DiscretizedLogisticMixture, get_likelihood

LEVELS = np.arange(256) / 255
NUM_COMPONENTS = 3
CHANNELS = [1, 2, 3]


def random_parameters(channels, seed=0, size=(2, 3, 2)):
    likelihood = DiscretizedLogisticMixture(NUM_COMPONENTS)
    rng = np.random.default_rng(seed)
    parameters = rng.normal(size=(*size, likelihood.num_parameters(channels)))
    # Some scales of a few bins, some of the size of the whole range.
    scales = slice((1 + channels) * NUM_COMPONENTS, (1 + 2 * channels) * NUM_COMPONENTS)
    parameters[..., scales] = rng.uniform(-4, 0, size=parameters[..., scales].shape)
    return likelihood, parameters.astype(np.float32)


def reference_probability(parameters, pixel):
    """P(pixel) in float64 as the paper has it: differences of distribution functions."""
    channels, k = len(pixel), NUM_COMPONENTS
    numbers = np.float64(parameters)
    weights = scipy.special.softmax(numbers[:k])
    means = numbers[k : (1 + channels) * k].reshape(channels, k)
    raw_scales = numbers[(1 + channels) * k : (1 + 2 * channels) * k].reshape(channels, k)
    scales = np.exp(-7 + np.log1p(np.exp(raw_scales + 7)))
    couplings = iter(np.tanh(numbers[(1 + 2 * channels) * k :]).reshape(-1, k))
    values, total = 2 * np.float64(pixel) - 1, np.ones(k)
    for channel in range(channels):
        mean = means[channel] + sum(next(couplings) * v for v in values[:channel])
        high = np.inf if pixel[channel] == 1 else values[channel] + 1 / 255
        low = -np.inf if pixel[channel] == 0 else values[channel] - 1 / 255
        high, low = (high - mean) / scales[channel], (low - mean) / scales[channel]
        # By the tail that is near 0, for float64 cannot tell numbers near 1 apart.
        masses = scipy.special.expit(high) - scipy.special.expit(low)
        mirrored = scipy.special.expit(-low) - scipy.special.expit(-high)
        total *= np.where(low > 0, mirrored, masses)
    return weights @ total


@pytest.mark.parametrize("channels", CHANNELS)
def test_log_prob_is_that_of_the_definition(channels):
    likelihood, parameters = random_parameters(channels)
    rng = np.random.default_rng(1)
    images = rng.choice(LEVELS, size=(2, 3, 2, channels))
    images[0, 0], images[1, 0] = 0.0, 1.0
    actual = likelihood(parameters).log_prob(images.astype(np.float32))
    expected = [
        sum(
            np.log(reference_probability(parameters[b, i, j], images[b, i, j]))
            for i, j in np.ndindex(3, 2)
        )
        for b in range(2)
    ]
    np.testing.assert_allclose(actual, expected, rtol=1e-4)


@pytest.mark.parametrize("channels", CHANNELS)
def test_each_channel_sums_to_one_given_those_before_it(channels):
    likelihood, parameters = random_parameters(channels, seed=2, size=(1, 1, 1))
    repeated = likelihood(np.repeat(parameters, 256, axis=0))
    *earlier, _ = np.random.default_rng(3).choice(LEVELS, size=channels)
    images = np.stack([*(np.full(256, v) for v in earlier), LEVELS], axis=-1)[:, None, None]
    total = np.exp(np.float64(repeated.log_prob(images.astype(np.float32)))).sum()
    before = marginal_probability(parameters[0, 0, 0], earlier, channels)
    assert total == pytest.approx(before, rel=1e-4)


def marginal_probability(parameters, earlier, channels):
    """P of the first channels by themselves: each component's last factor sums to one."""
    if not earlier:
        return 1.0
    k, fewer = NUM_COMPONENTS, channels - 1
    kept = [parameters[: (1 + fewer) * k], parameters[(1 + channels) * k :][: fewer * k]]
    kept.append(parameters[(1 + 2 * channels) * k :][: fewer * (fewer - 1) // 2 * k])
    return reference_probability(np.concatenate(kept), earlier)


@pytest.mark.parametrize("raw_scale", [-50.0, -7.0, -3.0])
def test_log_prob_and_gradients_are_finite_200_bins_away(raw_scale):
    likelihood = DiscretizedLogisticMixture(1)
    image = tf.fill([1, 1, 1, 1], 228 / 255)
    parameters = tf.constant([0.0, 2 * 28 / 255 - 1, raw_scale], shape=[1, 1, 1, 3])
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        log_prob = likelihood(parameters).log_prob(image)
    gradient = tape.gradient(log_prob, parameters).numpy().ravel()
    scale = np.exp(-7 + np.log1p(np.exp(raw_scale + 7)))
    # So far out the log-mass of a bin falls as -distance / scale.
    near_edge = (400 - 1) / 255 / scale
    assert -near_edge - 10 < log_prob < -near_edge
    assert gradient[1] == pytest.approx(1 / scale, rel=1e-3)
    assert np.isfinite(gradient).all()
    assert raw_scale < -10 or gradient[2] > 1


def test_pixels_count_as_the_nearest_level():
    likelihood, parameters = random_parameters(1)
    images = np.random.default_rng(4).choice(LEVELS, size=(2, 3, 2, 1)).astype(np.float32)
    off = np.clip(images + 0.4 / 255, 0, 1).astype(np.float32)
    distribution = likelihood(parameters)
    np.testing.assert_array_equal(distribution.log_prob(off), distribution.log_prob(images))
    of_levels = likelihood.log_prob_of_levels(distribution, images)
    np.testing.assert_array_equal(of_levels, distribution.log_prob(images))


def test_draws_have_the_probabilities_of_their_levels():
    likelihood, parameters = random_parameters(2, seed=5, size=(1, 1, 1))
    draws, rng = 200_000, np.random.default_rng(6)
    uniforms = rng.uniform(size=(draws, 1, 1, 1, 3)).astype(np.float32)
    drawn = likelihood.draw(likelihood(parameters), uniforms).numpy()[:, 0, 0, 0]
    np.testing.assert_allclose(drawn * 255, np.round(drawn * 255), atol=1e-3)
    first, second = np.round(drawn * 255).astype(int).T
    # Of the first channel each level; of both at once, blocks of 32 by 32 levels.
    of_first = [marginal_probability(parameters[0, 0, 0], [level], 2) for level in LEVELS]
    frequencies = np.bincount(first, minlength=256) / draws
    assert np.abs(frequencies - of_first).max() < 5 * np.sqrt(max(of_first) / draws)
    grid = np.stack(np.meshgrid(LEVELS, LEVELS, indexing="ij"), -1).reshape(-1, 1, 1, 2)
    repeated = likelihood(np.repeat(parameters, len(grid), axis=0))
    joint = np.exp(np.float64(repeated.log_prob(grid.astype(np.float32)))).reshape(256, 256)
    blocks = joint.reshape(8, 32, 8, 32).sum(axis=(1, 3))
    frequencies = np.histogram2d(first // 32, second // 32, bins=8, range=[[0, 8]] * 2)[0] / draws
    assert np.abs(frequencies - blocks).max() < 5 * np.sqrt(blocks.max() / draws)


def test_mean_is_that_of_the_levels():
    likelihood, parameters = random_parameters(1, seed=7, size=(1, 1, 1))
    repeated = likelihood(np.repeat(parameters, 256, axis=0))
    masses = np.exp(repeated.log_prob(LEVELS.astype(np.float32).reshape(256, 1, 1, 1)))
    mean = likelihood(parameters).mean().numpy().item()
    assert mean == pytest.approx(masses @ LEVELS, abs=1e-4)


def test_mean_of_a_coupled_channel_is_near_that_of_its_draws():
    likelihood, parameters = random_parameters(3, seed=8, size=(1, 1, 1))
    parameters[..., 3:12] *= 0.2  # Where hardly anything lies beyond the ends.
    parameters[..., 12:21] = -3.0
    draws = 20_000
    uniforms = np.random.default_rng(9).uniform(size=(draws, 1, 1, 1, 4)).astype(np.float32)
    distribution = likelihood(parameters)
    drawn = likelihood.draw(distribution, uniforms).numpy().mean(axis=0)
    np.testing.assert_allclose(distribution.mean(), drawn, atol=0.005)


def test_sample_of_tfp_draws_levels():
    likelihood, parameters = random_parameters(3)
    sample = likelihood(parameters).sample(5, seed=[0, 1]).numpy()
    assert sample.shape == (5, 2, 3, 2, 3)
    np.testing.assert_allclose(sample * 255, np.round(sample * 255), atol=1e-3)
    assert sample.std() > 0.1


def test_it_has_a_name_and_a_config():
    likelihood = get_likelihood("discretized_logistic_mixture")
    assert (likelihood.num_components, likelihood.has_mean) == (8, True)
    copy = DiscretizedLogisticMixture.from_config(DiscretizedLogisticMixture(5).get_config())
    assert copy.num_components == 5


@pytest.mark.parametrize("num_components", [0, -1, 2.0, True, None])
def test_bad_number_of_components_is_refused(num_components):
    with pytest.raises(ValueError, match="num_components must be an int of at least 1"):
        DiscretizedLogisticMixture(num_components)


@pytest.mark.parametrize("architecture", cover(["ConvVAE", "ConvDRAW"], ["ConvVAE"]))
def test_other_architectures_can_end_in_it(architecture):
    arguments = {"filters": (4,)} if architecture == "ConvVAE" else {"num_steps": 2, "filters": 4}
    images = np.random.default_rng(10).uniform(size=(8, 4, 4, 3)).astype(np.float32)
    model = getattr(zoo, architecture)(
        (4, 4, 3), likelihood=DiscretizedLogisticMixture(2), **arguments
    )
    model.compile(keras.optimizers.Adam(1e-2), objective=zoo.ELBO(), run_eagerly=True)
    losses = model.fit(images, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.reconstruct(images).shape == images.shape
    geco = zoo.GECO(constraints.ReconstructionError(0.1))
    with pytest.raises(ValueError, match="never train the scales of a DiscretizedLogisticMixture"):
        model.compile("adam", objective=geco)
