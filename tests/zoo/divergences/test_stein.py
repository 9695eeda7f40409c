"""Stein: direction and discrepancy against loops in float64 and closed forms."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import zoo
from tests import contract
from tests.zoo.divergences import gaussians
from zoo.divergences import Stein
from zoo.divergences.stein import prior_scores

BANDWIDTH = 3.0


def by_loops(latents, scores, form, estimator):
    """φ(z_i) and the mean Stein kernel of z_i, term by term as the papers print them."""
    number, dimension = latents.shape
    directions, discrepancies = np.zeros_like(latents), np.zeros(number)
    for i in range(number):
        others = [j for j in range(number) if estimator == "biased" or j != i]
        for j in others:
            difference = latents[i] - latents[j]
            squared = difference @ difference
            if form == "rbf":
                value = np.exp(-squared / BANDWIDTH)
                by_other = 2 / BANDWIDTH * difference * value  # ∇_{z_j} k
                crossed = value * (2 * dimension / BANDWIDTH - 4 * squared / BANDWIDTH**2)
            else:
                value = BANDWIDTH / (BANDWIDTH + squared)
                by_other = 2 / BANDWIDTH * difference * value**2
                crossed = 2 * dimension * value**2 / BANDWIDTH
                crossed -= 8 * squared * value**3 / BANDWIDTH**2
            directions[i] += (value * scores[j] + by_other) / len(others)
            discrepancy = value * scores[i] @ scores[j] + scores[i] @ by_other
            discrepancy += -by_other @ scores[j] + crossed
            discrepancies[i] += discrepancy / len(others)
    return discrepancies, directions


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    latents = (0.5 * rng.normal(size=(7, 4)) + 0.3).astype(np.float32)
    return latents, rng.normal(size=(7, 4)).astype(np.float32)


@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
@pytest.mark.parametrize("form", ["rbf", "inverse_multiquadric"])
def test_direction_and_discrepancy_are_those_of_loops(sample, estimator, form):
    divergence = Stein(BANDWIDTH, estimator, form)
    actual = divergence.discrepancies_and_directions(*map(tf.constant, sample * 2))
    expected = by_loops(*map(np.float64, sample), form, estimator)
    contract.assert_close(actual, expected, 2e-6)
    assert float(divergence(*sample)) == pytest.approx(expected[0].mean(), rel=1e-5)


@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
def test_gradient_is_minus_the_direction(sample, estimator):
    latents = tf.constant(sample[0])
    with tf.GradientTape() as tape:
        tape.watch(latents)
        value = Stein(BANDWIDTH, estimator)(latents, sample[1])
    _, directions = by_loops(*map(np.float64, sample), "rbf", estimator)
    contract.assert_close(tape.gradient(value, latents), -directions / len(sample[0]), 2e-6)


@pytest.mark.parametrize(
    ("dimension", "scale"),
    [
        (2, 0.5),
        pytest.param(2, 2.0, marks=pytest.mark.thorough),
        pytest.param(20, 0.5, marks=pytest.mark.thorough),
        (64, 0.8),
    ],
)
def test_many_samples_of_gaussians_have_the_closed_form(dimension, scale):
    rng = np.random.default_rng(1)
    divergence = Stein()
    values = []
    for _ in range(40):
        latents = (scale * rng.normal(size=(500, dimension))).astype(np.float32)
        values.append(float(divergence(latents, -latents)))
    expected = gaussians.stein(scale, dimension, divergence._kernel.bandwidths(dimension))
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values) - expected) < 4 * error
    assert error < 0.1 * expected


def test_discrepancy_is_zero_in_the_mean_at_the_prior_and_never_negative_if_biased():
    rng = np.random.default_rng(2)
    draws = tf.constant(rng.normal(size=(300, 10, 3)), tf.float32)
    unbiased, biased = (
        np.array([float(measure(z, -z)) for z in draws])
        for measure in map(tf.function, (Stein(), Stein(estimator="biased")))
    )
    assert abs(unbiased.mean()) < 4 * unbiased.std() / np.sqrt(300)
    assert biased.min() >= 0


def test_descent_brings_samples_to_the_prior():
    rng = np.random.default_rng(3)
    latents = tf.Variable((0.3 * rng.normal(size=(200, 2)) + 2.0).astype(np.float32))
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build([latents])

    @tf.function
    def descend():
        with tf.GradientTape() as tape:
            value = Stein()(latents, -latents)
        optimizer.apply([tape.gradient(value, latents)], [latents])

    for _ in range(200):
        descend()
    moments = np.mean(latents, axis=0), np.cov(np.transpose(latents))
    np.testing.assert_allclose(moments[0], np.zeros(2), atol=0.1)
    np.testing.assert_allclose(moments[1], np.eye(2), atol=0.2)


# === The prior's score ===


def test_score_of_a_standard_normal_prior_is_minus_the_latents(images):
    model = contract.make_model("ConvVAE")
    record = model.infer(images, seed=0)
    contract.assert_close(prior_scores(model, record), -record.latents[0])


def test_score_of_a_hierarchy_is_the_gradient_of_its_log_prior(images):
    model = contract.make_model("ConvDRAW")
    record = model.infer(images[:2], seed=0)
    scores = np.float64(prior_scores(model, record))
    sizes = [int(np.prod(z.shape[1:])) for z in record.latents]
    assert scores.shape == (2, sum(sizes))
    flat = np.concatenate([np.reshape(z, [2, -1]) for z in record.latents], axis=1)
    step = 1e-2
    for axis in (0, sizes[0] + 1, sum(sizes) - 1):
        ends = []
        for sign in (1, -1):
            moved = flat.copy()
            moved[:, axis] += sign * step
            parts = np.split(moved, np.cumsum(sizes)[:-1], axis=1)
            groups = tuple(
                tf.reshape(part, z.shape) for part, z in zip(parts, record.latents, strict=True)
            )
            ends.append(np.float64(model.log_prior(groups)))
        np.testing.assert_allclose(
            scores[:, axis], (ends[0] - ends[1]) / (2 * step), rtol=5e-3, atol=5e-3
        )


def test_a_model_without_log_prior_is_refused():
    class NoDensity(zoo.ConvVAE):
        def _log_prior(self, latents, context):
            raise NotImplementedError

    model = NoDensity(contract.IMAGE_SHAPE, filters=(2,), hidden_units=4)
    with pytest.raises(
        ValueError, match="score of the prior, but NoDensity defines no `_log_prior`"
    ):
        model.compile("adam", objective=zoo.InfoVAE(divergence=Stein()))


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"of the same shape.*\(4, 2\) and \(4, 3\)"):
        Stein()(np.zeros((4, 2)), np.zeros((4, 3)))


def test_config_round_trip():
    divergence = Stein([2.0, 6.0], "biased", "inverse_multiquadric")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(divergence))
    assert copy.get_config() == divergence.get_config()


def test_reference_of_the_closed_form_agrees_with_an_integral():
    """The closed form itself, in one dimension, against numerical integration."""
    grid = np.linspace(-6, 6, 1201)
    z, other = np.meshgrid(grid, grid)
    scale, h = 0.7, 1.5
    density = np.exp(tfp.distributions.Normal(np.float64(0), scale).log_prob(grid))
    value = np.exp(-((z - other) ** 2) / h)
    stein = z * other - 2 / h * (z - other) ** 2 + 2 / h - 4 * (z - other) ** 2 / h**2
    integral = density @ (value * stein) @ density * (grid[1] - grid[0]) ** 2
    assert gaussians.stein(scale, 1, [h]) == pytest.approx(integral, rel=1e-6)


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match=r"at least 2 samples\. Received: \(1, 2\)"):
        Stein()(tf.zeros([1, 2]), tf.zeros([1, 2]))
    with pytest.raises(ValueError, match=r"at least 1 samples\. Received: \(0, 2\)"):
        Stein(estimator="biased")(tf.zeros([0, 2]), tf.zeros([0, 2]))
