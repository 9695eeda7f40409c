"""InfoVAE: its loss, its weights, its noise, and the global batch's divergence on replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.tiers import cover
from zoo import random
from zoo.divergences import MMD, Adversarial, Stein
from zoo.divergences.divergence import flatten_latents

# Whose posterior InfoVAE can move; a ShortRunModel, which says so of itself when made, has chains.
LEARNERS = [
    name
    for name in contract.FIRST_MODELS
    if contract.class_of(name).has_trained_posterior and name != "ShortRunModel"
]
DIVERGENCES = {"MMD": MMD, "Stein": Stein, "Adversarial": Adversarial}


def each_divergence(always):
    cases = cover(DIVERGENCES.values(), [always])
    return pytest.mark.parametrize("make", cases, ids=DIVERGENCES)


def compiled(objective, name=contract.SMALLEST):
    model = contract.make_model(name)
    optimizer = contract.linear_optimizer()
    model.compile(optimizer, objective=objective, seed=5, run_eagerly=True)
    return model


def step_noise(images):
    return random.StepNoise(random.as_seed(9), len(images))


@each_divergence(Adversarial)
def test_loss_is_distortion_plus_weighted_rate_and_divergence(make, images):
    model = compiled(zoo.InfoVAE(alpha=0.25, lambda_=40.0, divergence=make()))
    for steps in (0, 4):
        if steps:  # So that a discriminator has something to say.
            contract.train(model, images, num_steps=steps)
        logs = model.evaluate(images, batch_size=4, verbose=0, return_dict=True)
        expected = logs["distortion"] + 0.75 * logs["rate"] + 39.25 * logs["divergence"]
        assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert logs["divergence"] != 0


def test_defaults_are_alpha_0_lambda_10_and_mmd(images):
    objective = zoo.InfoVAE()
    assert (objective.alpha, objective.lambda_) == (0.0, 10.0)
    assert isinstance(objective.divergence, MMD)
    logs = compiled(objective).evaluate(images, verbose=0, return_dict=True)
    expected = logs["distortion"] + logs["rate"] + 9 * logs["divergence"]
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


@each_divergence(Stein)
def test_where_alpha_plus_lambda_is_1_it_trains_as_beta_vae_does(make, images):
    info_vae = compiled(zoo.InfoVAE(alpha=0.7, lambda_=0.3, divergence=make()))
    beta_vae = compiled(zoo.ELBO(beta=0.3))
    losses = [contract.train(model, images, num_steps=2) for model in (info_vae, beta_vae)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    contract.assert_close(info_vae.get_weights(), beta_vae.get_weights())


@pytest.mark.parametrize("name", cover(LEARNERS, ["ConvDRAW", "PixelVAE"]))
def test_divergence_is_that_of_the_latents_and_of_one_prior_sample_a_data_point(name, images):
    model = compiled(zoo.InfoVAE(), name)
    record = model.infer(images, seed=1)
    terms = model.objective.terms(model, record, step_noise(images))
    prior, _ = model.generate(step_noise(images), tf.ones([len(images)]))
    latents, prior = flatten_latents(record.latents), flatten_latents(prior)
    assert latents.shape == prior.shape
    assert terms["divergence"].shape == (len(images),)
    expected = float(MMD()(latents, prior))
    assert float(tf.reduce_mean(terms["divergence"])) == pytest.approx(expected, abs=1e-5)


def test_gradient_of_the_term_is_that_of_mmd(images):
    model = compiled(zoo.InfoVAE())
    prior, _ = model.generate(step_noise(images), tf.ones([len(images)]))
    with tf.GradientTape(persistent=True) as tape:
        record = model.infer(images, seed=1)
        term = tf.reduce_mean(
            model.objective.terms(model, record, step_noise(images))["divergence"]
        )
        value = MMD()(record.latents[0], prior[0])
    weights = model.encoder.trainable_weights
    contract.assert_close(tape.gradient(term, weights), tape.gradient(value, weights), 1e-4)


def test_prior_samples_are_unrelated_to_the_posteriors_noise(images):
    seen = {}

    class Spy(MMD):
        def draw_prior(self, model, record, noise):
            posterior = model.posterior(record.images)
            seen["posterior"] = (record.latents[0] - posterior.loc) / posterior.scale
            seen["prior"] = super().draw_prior(model, record, noise)
            return seen["prior"]

    model = compiled(zoo.InfoVAE(divergence=Spy()))
    many = np.tile(images, (500, 1, 1, 1))
    model.evaluate(many, batch_size=len(many), verbose=0)
    posterior, prior = (np.float64(seen[name]).ravel() for name in ("posterior", "prior"))
    assert abs(np.corrcoef(posterior, prior)[0, 1]) < 4 / np.sqrt(prior.size)
    assert prior.std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    "divergence",
    cover([(MMD, "unbiased"), (Stein, "unbiased"), (Stein, "biased")], [(MMD, "unbiased")]),
    ids=["MMD-unbiased", "Stein-unbiased", "Stein-biased"],
)
def test_stein_and_unbiased_mmd_on_two_replicas_are_of_the_global_batch(
    divergence, images, two_replicas
):
    """The contract has biased MMD and the discriminator."""
    make, estimator = divergence

    def run():
        divergence = make(estimator=estimator)
        model = compiled(zoo.InfoVAE(alpha=0.5, lambda_=20.0, divergence=divergence))
        loss = contract.train(model, images, num_steps=2, batch_size=8)
        return loss, contract.state_of(model), model.evaluate(images, batch_size=8, verbose=0)

    loss, state, logs = run()
    with two_replicas.scope():
        other_loss, other_state, other_logs = run()
    assert other_loss == pytest.approx(loss, rel=1e-5)
    assert other_logs == pytest.approx(logs, rel=1e-5)
    contract.assert_same_state(other_state, state, tolerance=1e-5)


@each_divergence(Stein)
def test_a_last_batch_of_one_image_is_no_trouble(make, images):
    model = compiled(zoo.InfoVAE(divergence=make()))
    history = model.fit(images[:5], batch_size=4, verbose=0, validation_data=(images[:1],))
    assert np.isfinite(history.history["loss"]).all()
    assert history.history["val_divergence"] == [0.0] or make is Adversarial


@pytest.mark.thorough
@pytest.mark.parametrize("make", [MMD, Stein])
def test_divergence_alone_brings_latents_to_the_prior(make):
    """From mean 1.5 and standard deviation 0.3. A discriminator alone goes round in circles."""
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(256, *contract.IMAGE_SHAPE)).astype(np.float32)
    encoder = keras.Sequential([keras.layers.Flatten()])
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, latent_dim=2, encoder=encoder, filters=(2,))
    bias = np.float32([1.5, 1.5, np.log(0.3), np.log(0.3)])
    model.posterior_head.kernel.assign(0.1 * model.posterior_head.kernel)
    model.posterior_head.bias.assign(bias)
    objective = zoo.InfoVAE(alpha=1.0, lambda_=1000.0, divergence=make())
    model.compile(keras.optimizers.Adam(1e-2), objective=objective)

    def moments():
        latents = np.float64(model.infer(images, seed=0).latents[0])
        return np.abs(latents.mean(axis=0)).max(), latents.std(axis=0)

    before = moments()
    contract.train(model, images, num_steps=300, batch_size=256)
    after = moments()
    assert before[0] > 1.0
    assert after[0] < 0.25
    np.testing.assert_allclose(after[1], 1.0, atol=0.25)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"alpha": 1.01},
            "alpha must be .* at most 1: .* unbounded rate is rewarded. .*alpha=1.01",
        ),
        ({"alpha": 0.0, "lambda_": 0.9}, "alpha \\+ lambda_ must be at least 1: .*lambda_=0.9"),
        ({"alpha": -3.0, "lambda_": 3.9}, "alpha \\+ lambda_ must be at least 1.*alpha=-3.0"),
        ({"alpha": float("nan")}, "alpha must be a finite number.*nan"),
        ({"lambda_": "10"}, "lambda_ must be a finite number.*'10'"),
        ({"divergence": "mmd"}, "must be a zoo.divergences.Divergence.*'mmd'"),
    ],
)
def test_bad_arguments_are_named_with_the_reason(arguments, message):
    with pytest.raises(ValueError, match=message):
        zoo.InfoVAE(**arguments)


@pytest.mark.parametrize("alpha", [1.0, 0.9, 0.7, -1.0])
def test_the_edges_are_allowed(alpha):
    objective = zoo.InfoVAE(alpha=alpha, lambda_=1.0 - alpha)
    assert objective.alpha + objective.lambda_ == pytest.approx(1.0)


@pytest.mark.parametrize("make", [MMD, Adversarial])
def test_a_model_that_cannot_draw_from_its_prior_is_refused(make):
    class NoSamples(zoo.ConvVAE):
        def _generate(self, noise, temperature, context):
            raise NotImplementedError

    model = NoSamples(contract.IMAGE_SHAPE, filters=(2,), hidden_units=4)
    with pytest.raises(ValueError, match="samples of the prior, but NoSamples defines no `_gener"):
        model.compile("adam", objective=zoo.InfoVAE(divergence=make()))


def test_weights_without_a_discriminator_are_refused(tmp_path):
    path = str(tmp_path / "elbo.weights.h5")
    contract.make_compiled(contract.SMALLEST, "ELBO").save_weights(path)
    with pytest.raises(ValueError, match="skip_mismatch=True"):
        contract.make_compiled(contract.SMALLEST, "InfoVAE_Adversarial").load_weights(path)
