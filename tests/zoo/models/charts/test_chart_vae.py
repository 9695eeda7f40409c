"""`zoo.ChartVAE`: the mixture of charts in nats, its pruning, its samples."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import log_softmax, logsumexp

import zoo
from tests import contract
from zoo import random

pytestmark = pytest.mark.usefixtures("uncompiled")

NUM_CHARTS, DIM = 3, 2


def make_model(num_charts=NUM_CHARTS, chart_dim=DIM):
    model = zoo.ChartVAE(
        contract.IMAGE_SHAPE,
        num_charts,
        chart_dim,
        filters=(4,),
        hidden_units=8,
        chart_units=4,
        embedding_dim=3,
    )
    generator = np.random.default_rng(0)
    for weight in model.trainable_weights:  # Off their initial values.
        weight.assign(weight + 0.3 * generator.standard_normal(weight.shape).astype(np.float32))
    return model


@pytest.fixture(scope="module")
def model():
    return make_model()


def of_each_chart(model, images, seed=0):
    """Coordinates, distortions and log-ratios log q - log p of each chart, by `decode`, float64."""
    noise = np.float64(random.RowNoise(random.row_seeds(seed, len(images))).normal([3, 2]))
    posteriors = model._posteriors(model.encoder(images))
    loc, scale = np.float64(posteriors.loc), np.float64(posteriors.scale)
    u = loc + scale * noise
    kl = (stats.norm.logpdf(u, loc, scale) - stats.logistic.logpdf(u)).sum(axis=2)
    distortions = []
    for chart in range(NUM_CHARTS):
        charts = np.eye(NUM_CHARTS, dtype=np.float32)[[chart] * len(images)]
        likelihood = model.decode((charts, np.float32(u[:, chart])))
        distortions.append(-np.float64(likelihood.log_prob(images)))
    return u, np.stack(distortions, axis=1), kl


# === The mixture ===


def test_rate_and_distortion_are_those_of_the_mixture(model, images):
    record = model.infer(images, seed=0)
    _, distortions, kl = of_each_chart(model, images)
    charts = np.float64(model.chart_probabilities(images))
    rate = np.sum(charts * (np.log(charts) + np.log(NUM_CHARTS) + kl), axis=1)
    np.testing.assert_allclose(record.rate, rate, rtol=1e-4)
    np.testing.assert_allclose(record.distortion, (charts * distortions).sum(axis=1), rtol=1e-5)


def test_at_the_responsibilities_the_bound_is_the_logarithm_of_the_mixture(model, images):
    _, distortions, kl = of_each_chart(model, images)
    costs = distortions + kl
    log_charts = log_softmax(-costs, axis=1)
    record = infer_with(model, images, log_charts)
    expected = -logsumexp(-costs, axis=1) + np.log(NUM_CHARTS)
    np.testing.assert_allclose(record.rate + record.distortion, expected, rtol=1e-5)
    # Any other predictor has a looser bound, and the cross-entropy is least at this one.
    other = infer_with(model, images, log_softmax(0.5 * log_charts, axis=1))
    assert np.all(other.rate + other.distortion >= expected - 1e-4)
    own, others = (r.measures["predictor_cross_entropy"] for r in (record, other))
    assert np.all(own <= others)


def infer_with(model, images, log_charts):
    """The record of a model whose predictor gives these logarithms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model), "_log_charts", lambda *_: tf.constant(log_charts, tf.float32))
        return model.infer(images, seed=0)


def test_one_chart_is_a_vae_with_a_logistic_prior(images):
    model = make_model(num_charts=1, chart_dim=1)
    image = images[:1]
    record = model.infer(np.repeat(image, 4000, axis=0), seed=0)
    posterior = model._posteriors(model.encoder(image))
    loc, scale = float(posterior.loc[0, 0, 0]), float(posterior.scale[0, 0, 0])
    u = loc + scale * np.linspace(-8, 8, 4001)
    density = stats.norm.pdf(u, loc, scale)
    kl = np.trapezoid(density * (stats.norm.logpdf(u, loc, scale) - stats.logistic.logpdf(u)), u)
    rates = np.float64(record.rate)
    assert rates.mean() == pytest.approx(kl, abs=5 * rates.std() / np.sqrt(4000))
    np.testing.assert_allclose(
        record.log_prior, stats.logistic.logpdf(record.latents[1][:, 0]), rtol=1e-4, atol=1e-5
    )
    assert np.all(record.latents[0] == 1.0)


def test_charts_in_another_order_have_their_probabilities_in_that_order(model, images):
    copy, order = make_model(), [2, 0, 1]
    copy.set_weights(model.get_weights())
    layers = [
        getattr(n, part)
        for n in (copy.chart_encoders, copy.chart_decoders)
        for part in ("hidden", "outputs")
    ]
    for layer in layers:
        layer.kernel.assign(tf.gather(layer.kernel, order))
        layer.bias.assign(tf.gather(layer.bias, order))
    copy.predictor.kernel.assign(tf.gather(copy.predictor.kernel, order, axis=1))
    copy.predictor.bias.assign(tf.gather(copy.predictor.bias, order))
    expected = model.chart_probabilities(images).numpy()
    np.testing.assert_allclose(copy.chart_probabilities(images), expected[:, order], rtol=1e-5)
    np.testing.assert_allclose(copy.reconstruct(images), model.reconstruct(images), atol=1e-5)


def test_charts_are_drawn_by_their_probabilities(model, images):
    image = np.repeat(images[:1], 3000, axis=0)
    drawn = np.float64(model.encode(image, seed=1)[0]).mean(axis=0)
    np.testing.assert_allclose(drawn, model.chart_probabilities(images[:1])[0], atol=0.04)


# === Lipschitz term, pruning ===


def test_the_lipschitz_term_is_of_the_largest_singular_values(model):
    kernels = [
        np.float64(layer.kernel)
        for layer in (model.chart_encoders.hidden, model.chart_encoders.outputs)
    ]
    bounds = np.prod([[np.linalg.norm(k, 2) for k in kernel] for kernel in kernels], axis=0)
    (term,) = model.losses
    assert float(term) == pytest.approx(0.01 * (bounds.max() + bounds.mean()), rel=1e-4)


def test_use_follows_the_charts_drawn_and_pruned_ones_are_never_chosen(images):
    model = make_model()
    model.compile(contract.linear_optimizer(), objective=zoo.ELBO(), run_eagerly=True)
    contract.train(model, images, num_steps=2)
    use = np.asarray(model.chart_use)
    assert use.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.abs(use - 1 / 3).max() > 1e-3
    model.chart_use.assign([0.5, 0.004, 0.496])
    assert model.prune() == 2
    assert model.chart_probabilities(images).numpy()[:, 1].max() == 0.0
    charts, _ = model.sample_prior(50, seed=0)
    assert charts.numpy()[:, 1].max() == 0.0
    record = model.infer(images, seed=0)
    assert np.all(np.isfinite(record.rate))
    # p(chart) is uniform over those that are left.
    u = np.float64(record.latents[1])
    expected = stats.logistic.logpdf(u).sum(axis=1) - np.log(2)
    np.testing.assert_allclose(record.log_prior, expected, rtol=1e-4, atol=1e-4)
    contract.train(model, images, num_steps=1)
    assert model.chart_use[1] == 0.0
    assert model.prune(1.0) == 1


# === Samples ===


def test_overlaps_are_not_drawn_twice(model):
    """Of charts that overlap everywhere each keeps what the predictor gives it."""
    shares = np.array([0.7, 0.2, 0.1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            type(model),
            "_log_charts",
            lambda self, features, training=False: tf.repeat(
                tf.math.log(tf.constant(shares[None], tf.float32)), tf.shape(features)[0], axis=0
            ),
        )
        charts, u = model.sample_prior(1500, seed=0)
    # Charts are tried alike and accepted by their shares; eight tries are nearly always enough.
    np.testing.assert_allclose(charts.numpy().mean(axis=0), shares, atol=0.05)
    z = 1 / (1 + np.exp(-np.float64(u)))
    assert stats.kstest(z.ravel(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_charts": 0}, "num_charts must be an int of at least 1"),
        ({"chart_dim": 0}, "chart_dim must be an int of at least 1"),
        ({"lipschitz_weight": -1.0}, "lipschitz_weight must be"),
        ({"filters": (4, 8, 8)}, "ChartVAE, which halves the image 3 times"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        zoo.ChartVAE(contract.IMAGE_SHAPE, **({"filters": (4,)} | arguments))
