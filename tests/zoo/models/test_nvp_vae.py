"""VAE+NVP: its densities against integrals, its rate against the closed form of a normal."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import zoo
from tests import contract

DRAWS = 3000


def make_model(latent_dim=2, **kwargs):
    sizes = {"num_couplings": 4, "coupling_units": (6,), "filters": (4,), "hidden_units": 8}
    return zoo.NVPVAE(contract.IMAGE_SHAPE, latent_dim, **(sizes | kwargs))


@pytest.fixture(scope="module")
def model():
    """A model of two latents whose posterior and prior flows are far from the identity."""
    keras.utils.set_random_seed(2)
    model, rng = make_model(prior="real_nvp"), np.random.default_rng(4)
    for flow in (model.posterior_flow, model.prior_flow):
        for weight in flow.trainable_weights:
            weight.assign(0.6 * rng.normal(size=weight.shape))
    return model


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).uniform(size=(1, *contract.IMAGE_SHAPE)).astype(np.float32)


# === Densities ===


def moments_by_quadrature(log_density, draws):
    """Integral, mean and covariance of a density in the plane, on a grid about its draws."""
    low, high = np.min(draws, axis=0) - 10.0, np.max(draws, axis=0) + 10.0
    axes = [np.linspace(*ends, 500, dtype=np.float32) for ends in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    masses = np.exp(np.float64(log_density(grid))) * cell
    mean = masses @ grid
    return masses.sum(), mean, (grid - mean).T @ (masses[:, None] * (grid - mean))


def assert_drawn_from(draws, log_density):
    """The density integrates to one, and its moments are those of the draws."""
    draws = np.float64(draws)
    integral, mean, covariance = moments_by_quadrature(log_density, draws)
    assert integral == pytest.approx(1.0, abs=2e-3)
    spread = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(draws.mean(axis=0) / spread, mean / spread, rtol=0, atol=0.08)
    scale = np.outer(spread, spread)
    np.testing.assert_allclose(np.cov(draws.T) / scale, covariance / scale, rtol=0, atol=0.15)


def test_draws_of_the_posterior_follow_its_density(model, image):
    (draws,) = model.encode(np.repeat(image, DRAWS, axis=0), seed=1)
    features = model.encoder(image)

    def log_posterior(grid):
        return model.log_posterior((grid,), np.repeat(image, len(grid), axis=0))

    assert not np.allclose(features, 0.0)
    assert scipy.stats.kurtosis(draws).max() > 0.5 or abs(scipy.stats.skew(draws)).max() > 0.3, (
        "a posterior near to a normal would not try the flow"
    )
    assert_drawn_from(draws, log_posterior)


def test_draws_of_a_learned_prior_follow_its_density(model):
    (draws,) = model.sample_prior(DRAWS, seed=1)
    assert_drawn_from(draws, lambda grid: model.log_prior((grid,)))


def test_standard_normal_prior():
    model, latents = make_model(latent_dim=3), np.float32(np.arange(6).reshape(2, 3) / 3)
    assert model.prior_flow is None
    expected = scipy.stats.norm.logpdf(latents).sum(axis=1)
    np.testing.assert_allclose(model.log_prior((latents,)), expected, rtol=1e-5)
    (draws,) = model.sample_prior(DRAWS, seed=1, temperature=0.5)
    assert np.std(draws) == pytest.approx(0.5, rel=0.05)


def test_temperature_scales_the_base_of_a_learned_prior(model):
    at_one, scaled = (model.sample_prior(4, seed=1, temperature=t)[0] for t in (1.0, 0.5))
    noise, halved = (model.prior_flow.inverse(latents)[0] for latents in (at_one, scaled))
    np.testing.assert_allclose(halved, 0.5 * noise, rtol=0, atol=1e-4)


# === A fresh model: its flows are identities ===


def test_it_starts_with_a_normal_posterior_and_a_rate_whose_mean_is_the_kl(image):
    model = make_model(latent_dim=3)
    model.posterior_head.bias.assign([0.5, -1.0, 2.0, -1.0, 0.3, -2.0])
    mean, log_scale = np.split(np.float64(model.posterior_head(model.encoder(image)))[0], 2)
    scale = np.exp(6 * np.tanh(log_scale / 6))
    record = model.infer(np.repeat(image, DRAWS, axis=0), seed=1)
    log_posterior = scipy.stats.norm.logpdf(record.latents[0], mean, scale).sum(axis=1)
    np.testing.assert_allclose(record.log_posterior, log_posterior, rtol=0, atol=1e-4)

    kl = 0.5 * (scale**2 + mean**2 - 1 - 2 * np.log(scale)).sum()
    rates = np.float64(record.rate)
    error = rates.std() / np.sqrt(DRAWS)
    assert 0 < error < 0.1 * kl
    assert abs(rates.mean() - kl) < 5 * error


def test_without_a_seed_latents_are_at_base_noise_zero(model, image):
    features = model.encoder(image)
    place = model.posterior_head(features).numpy()
    shaped, _ = model.posterior_flow.forward(np.zeros([1, 2], np.float32), features)
    expected = place[:, :2] + np.exp(6 * np.tanh(place[:, 2:] / 6)) * shaped
    np.testing.assert_allclose(model.encode(image)[0], expected, rtol=1e-5)


# === What it refuses ===


def test_a_flow_that_is_not_finite_is_named_before_training_starts(images):
    model = make_model()
    model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO())
    bad = model.posterior_flow.networks[1].output_layer.kernel
    bad.assign(np.full(bad.shape, np.nan, np.float32))
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"not finite, so training did not begin: .*kernel"):
        model.fit(images, batch_size=4, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latent_dim": 1}, "latent_dim must be an int of at least 2: .*Received: latent_dim=1"),
        ({"num_couplings": 0}, "num_couplings must be an int of at least 1"),
        ({"coupling_units": ()}, r"coupling_units must be .* ints.*Received: coupling_units=\(\)"),
        ({"prior": "flow"}, r"prior must be one of .*'real_nvp'.*Received: prior='flow'"),
        ({"filters": (4, 4, 4)}, r"NVPVAE, which halves the image 3 .*by 8.*filters=\.$"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_model(**arguments)


def test_the_rate_can_be_negative_for_an_image(image):
    """Documented: it is an estimate by one draw."""
    model = make_model()
    model.posterior_head.kernel.assign(tf.zeros(model.posterior_head.kernel.shape))
    model.posterior_head.bias.assign([0.1, 0.1, 0.0, 0.0])  # The KL is 0.01 nats.
    rates = model.infer(np.repeat(image, DRAWS, axis=0), seed=1).rate
    assert np.mean(np.asarray(rates) < 0) > 0.3
    assert np.mean(rates) == pytest.approx(0.01, abs=0.02)
