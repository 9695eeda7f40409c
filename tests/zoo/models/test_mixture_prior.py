import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close
from zoo import codec, random

pytestmark = pytest.mark.usefixtures("uncompiled")

SHARES = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[3.0, 0.0], [-3.0, 1.0], [0.0, -4.0]])
COVARIANCES = np.array(
    [[[1.0, 0.6], [0.6, 0.5]], [[0.3, 0.0], [0.0, 2.0]], [[0.2, -0.1], [-0.1, 0.2]]]
)


def draw_by_numpy(num, shares, means, covariances):
    rng = np.random.default_rng(0)
    parts = [
        rng.multivariate_normal(mean, covariance, round(share * num))
        for share, mean, covariance in zip(shares, means, covariances, strict=True)
    ]
    return rng.permutation(np.concatenate(parts)).astype(np.float32)


def draws_of_truth(num):
    return draw_by_numpy(num, SHARES, MEANS, COVARIANCES)


def log_density(points, shares, means, covariances):
    """Of a mixture, by SciPy in float64."""
    parts = [
        scipy.stats.multivariate_normal(mean, covariance).logpdf(np.float64(points)) + np.log(share)
        for share, mean, covariance in zip(shares, means, covariances, strict=True)
    ]
    return scipy.special.logsumexp(parts, axis=0)


@pytest.fixture(scope="module")
def fitted():
    prior = zoo.MixturePrior(num_components=3)
    prior.attach([(2,)])
    prior.fit_em(draws_of_truth(4000), seed=0)
    return prior


def parameters(prior):
    """Shares, means and covariances, float64, made of the weights."""
    factors = np.float64(prior._precision_factors()[0])
    covariances = np.linalg.inv(factors @ factors.transpose(0, 2, 1))
    return scipy.special.softmax(np.float64(prior.logits)), np.float64(prior.loc), covariances


# === The density ===


def test_a_new_one_is_a_standard_normal():
    prior = zoo.MixturePrior()
    prior.attach([(3,)])
    points = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    assert_close(prior.log_prob(points), scipy.stats.norm.logpdf(points).sum(axis=1), 1e-5)


def test_the_density_is_that_of_its_parameters(fitted):
    points = draws_of_truth(50)
    assert_close(fitted.log_prob(points), log_density(points, *parameters(fitted)), 1e-4)


def test_expectation_maximisation_finds_the_mixture(fitted):
    """Each component is widened by 3% of the mean variance."""
    shares, means, covariances = parameters(fitted)
    order = [np.argmin(np.linalg.norm(means - mean, axis=1)) for mean in MEANS]
    widening = 0.03 * draws_of_truth(4000).var(axis=0).mean() * np.eye(2)
    assert_close(shares[order], SHARES, 0.01)
    assert_close(means[order], MEANS, 0.1)
    assert_close(covariances[order], COVARIANCES + widening, 0.1)


# === Draws ===


def test_draws_have_the_moments_of_the_mixture(fitted):
    num = 20_000
    noise = random.BatchNoise(random.as_seed(1), num)
    drawn = np.float64(fitted.draw(noise, tf.ones(num)))
    shares, means, covariances = parameters(fitted)
    mean = shares @ means
    within = np.tensordot(shares, covariances, 1)
    between = np.einsum("k,ki,kj->ij", shares, means - mean, means - mean)
    assert_close(drawn.mean(axis=0), mean, 0.08)
    assert_close(np.cov(drawn.T), within + between, 0.15)
    independent = draw_by_numpy(num, shares, means, covariances)
    entropies = [-log_density(each, shares, means, covariances) for each in (drawn, independent)]
    assert_close(entropies[0].mean(), entropies[1].mean(), 0.03)


def test_at_temperature_0_draws_are_the_means(fitted):
    noise = random.BatchNoise(random.as_seed(2), 200)
    drawn = np.unique(fitted.draw(noise, tf.zeros(200)), axis=0)
    assert_close(drawn, np.unique(fitted.loc, axis=0), 0.0)


def test_a_row_depends_on_its_seed_alone():
    model = contract.make_model("ConvVAE_mixture")
    rows = [model.sample(1, seed=(7, row)) for row in range(4)]
    assert_close(model.sample(4, seed=7), np.concatenate(rows), 1e-6)


# === A model's ===


@pytest.fixture(scope="module")
def backbone():
    return contract.make_model("ConvVAE")


def test_a_copy_answers_as_the_model_until_it_is_fitted(backbone, images):
    copy = zoo.with_mixture_prior(backbone)
    records = [each.infer(images, seed=1) for each in (backbone, copy)]
    for name in ("distortion", "log_posterior", "log_prior", "reconstruction", "latents"):
        assert_close(*(getattr(record, name) for record in records), 1e-5)
    assert_close(records[1].rate, records[0].log_posterior - records[0].log_prior, 1e-5)


def test_fitting_lowers_the_rate_by_what_it_says(backbone, images):
    copy = zoo.with_mixture_prior(backbone, zoo.MixturePrior(2))
    many = np.concatenate([images] * 4)
    # The same seeds as `fit_prior` draws with.
    before = copy.infer(many, seed=(3, 0)).rate.numpy().mean()
    gain = copy.fit_prior(many, seed=3)
    assert gain > 0.1
    assert_close(copy.infer(many, seed=(3, 0)).rate.numpy().mean(), before - gain, 1e-4)
    assert_close(backbone.reconstruct(images), copy.reconstruct(images), 0.0)


def test_training_moves_the_mixture_and_saving_keeps_it(images, tmp_path):
    model = contract.make_compiled("ConvVAE_mixture", run_eagerly=True)
    before = [np.array(weight) for weight in model.prior.weights]
    model.train_on_batch(images)
    for weight, old in zip(model.prior.weights, before, strict=True):
        assert np.abs(weight - old).max() > 1e-4
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(loaded.sample(3, seed=0), model.sample(3, seed=0), 0.0)
    assert_close(loaded.infer(images, seed=0).rate, model.infer(images, seed=0).rate, 0.0)


# === Errors ===


def test_what_cannot_have_a_mixture_is_refused(backbone, images):
    with pytest.raises(ValueError, match="num_components must be an int of at least 1"):
        zoo.MixturePrior(0)
    with pytest.raises(ValueError, match=r"was made without a zoo\.MixturePrior"):
        backbone.fit_prior(images)
    with pytest.raises(ValueError, match=r"needs as many images at least.* Received: 8"):
        zoo.with_mixture_prior(backbone, zoo.MixturePrior(9)).fit_prior(images)
    batches = tf.data.Dataset.from_tensors(images).repeat(20)  # As many as there are components.
    for data in (batches, (images, np.zeros(len(images)))):
        with pytest.raises(ValueError, match="images must be one array"):
            zoo.with_mixture_prior(backbone).fit_prior(data)
    with pytest.raises(ValueError, match="Received: a ConvDRAW"):
        zoo.with_mixture_prior(contract.MODELS["ConvDRAW"]())
    mixture = contract.MODELS["ConvVAE_mixture"]()
    with pytest.raises(ValueError, match="Received: a ConvVAE with a MixturePrior"):
        zoo.with_mixture_prior(mixture)
    with pytest.raises(ValueError, match=r"prior must be a zoo\.MixturePrior"):
        zoo.with_mixture_prior(backbone, zoo.EnergyPrior())
    with pytest.raises(ValueError, match="already belongs to another model"):
        zoo.ConvVAE(contract.IMAGE_SHAPE, filters=(4,), prior=mixture.prior)
    with pytest.raises(ValueError, match="with a prior of class MixturePrior"):
        codec.Codec(mixture, tolerance=0.1)
    with pytest.raises(ValueError, match="has the prior MixturePrior already"):
        zoo.with_energy_prior(mixture)
