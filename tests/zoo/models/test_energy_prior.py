import logging

import keras
import numpy as np
import pytest
import scipy.integrate
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close
from tests.zoo.chains import normals
from zoo import codec, random
from zoo.chains import log_mean
from zoo.models import energy_prior

SIZES = {"latent_dim": 2, "filters": (4,), "hidden_units": 6}
SHORT = {"num_steps": 3, "step_size": 0.3, "num_temperatures": 3}

pytestmark = pytest.mark.usefixtures("uncompiled")


@keras.saving.register_keras_serializable("tests")
class Quadratic(keras.layers.Layer):
    """A network whose fifth is f(z) = -½zᵀBz + cᵀz."""

    def __init__(self, matrix, vector):
        super().__init__()
        self.matrix, self.vector = np.float32(matrix), np.float32(vector)

    def call(self, z):
        value = tf.linalg.matvec(z, self.vector) - 0.5 * tf.reduce_sum(z @ self.matrix * z, axis=1)
        return value[:, None] / energy_prior._SHARE


MATRIX, VECTOR = normals.random_precision(2), np.array([1.0, -0.6])
PRECISION = np.eye(2) + MATRIX  # Of the tilted prior, which is normal.
MEAN = np.linalg.solve(PRECISION, VECTOR)
LOG_Z = 0.5 * VECTOR @ MEAN - 0.5 * np.linalg.slogdet(PRECISION)[1]


def vae(prior="standard_normal", **kwargs):
    keras.utils.set_random_seed(3)
    return zoo.ConvVAE(contract.IMAGE_SHAPE, prior=prior, **SIZES, **kwargs)


def tilted(**kwargs):
    """A model with a network of our own whose weights are off their initial values."""
    return contract.make_model("ConvVAE_energy") if not kwargs else vae(zoo.EnergyPrior(**kwargs))


def quadratic(**kwargs):
    return vae(zoo.EnergyPrior(network=Quadratic(MATRIX, VECTOR), **kwargs))


# === At f = 0 ===


def test_without_energy_yet_every_number_is_the_backbones(images):
    """To the last digit: terms, the bound on log p(x), a training step."""
    plain, energy = vae(), vae(zoo.EnergyPrior(hidden_units=(5,), **SHORT))
    records = [model.infer(images, seed=1) for model in (plain, energy)]
    for name in ("rate", "distortion", "log_posterior", "log_prior", "reconstruction"):
        assert_close(*(getattr(record, name) for record in records), 0.0)
    assert_close(*(model.log_prob(images, 2, seed=1) for model in (plain, energy)), 0.0)
    for model in (plain, energy):
        model.compile(keras.optimizers.Adam(1e-3), zoo.ELBO(), run_eagerly=True)
    losses = [model.train_on_batch(images)[0] for model in (plain, energy)]
    assert losses[0] == losses[1]
    for part in ("encoder", "posterior_head", "decoder"):
        weights = [getattr(model, part).get_weights() for model in (energy, plain)]
        assert_close(*weights, 0.0)
    assert np.any(energy.energy.trainable_weights[-1]), "f learns"


# === Against closed forms ===


def test_log_z_of_a_quadratic_energy_is_within_three_standard_errors():
    value, error = quadratic(num_temperatures=6).estimate_log_z(seed=4)
    assert 0 < error < 0.05
    assert abs(value - LOG_Z) < 3 * error


def test_chains_of_the_prior_have_the_law_of_chains():
    model = quadratic(num_steps=8, step_size=0.4)
    (latents,) = model.sample_prior(4000, seed=0)
    law = normals.law_of_chain(MEAN, PRECISION, 8, 0.4, (np.zeros(2), np.eye(2)))
    assert np.abs(np.mean(latents, axis=0) - law[0]).max() < 5 * np.sqrt(law[1].max() / 4000)
    np.testing.assert_allclose(np.cov(np.transpose(latents)), law[1], atol=0.06)


def test_rate_is_the_divergence_from_the_tilted_normal(images):
    model = quadratic()
    model.energy.log_z.assign(LOG_Z)
    posterior = model.posterior(images[:1])
    mean, variance = np.float64(posterior.loc[0]), np.diag(np.float64(posterior.scale[0]) ** 2)
    difference = mean - MEAN
    exact = 0.5 * np.trace(PRECISION @ variance) + 0.5 * difference @ PRECISION @ difference - 1.0
    exact -= 0.5 * np.linalg.slogdet(PRECISION @ variance)[1]
    rates = np.float64(model.infer(np.repeat(images[:1], 4000, axis=0), seed=0).rate)
    assert abs(rates.mean() - exact) < 4 * rates.std() / np.sqrt(len(rates))
    latents = tf.constant([[0.3, -1.2], [2.0, 0.1]])
    difference = np.float64(latents) - MEAN
    log_prior = -0.5 * np.sum(difference @ PRECISION * difference, axis=1) - np.log(2 * np.pi)
    log_prior += 0.5 * np.linalg.slogdet(PRECISION)[1]
    np.testing.assert_allclose(model.log_prior((latents,)), log_prior, rtol=1e-4)


def test_log_z_of_a_network_is_that_of_a_grid():
    keras.utils.set_random_seed(5)
    network = keras.Sequential([keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
    prior = zoo.EnergyPrior(network=network, num_temperatures=10)
    prior.attach([(1,)])
    network.set_weights([7 * w for w in network.get_weights()])
    grid = np.linspace(-8, 8, 2001, dtype=np.float32)
    density = np.exp(np.float64(prior.exponent((grid[:, None],))) - 0.5 * np.float64(grid) ** 2)
    exact = np.log(scipy.integrate.simpson(density, x=grid) / np.sqrt(2 * np.pi))
    value, error = log_mean(prior.annealed_log_weights(random.as_seed(1)))
    assert 0 < error < 0.1
    assert abs(value - exact) < 3 * error
    assert abs(exact) > 0.3, "too flat to tell"


def test_a_constant_in_the_energy_is_one_in_log_z_alone():
    values, densities = [], []
    for constant in (0.0, 10.0):
        keras.utils.set_random_seed(1)
        network = keras.Sequential([keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)])
        model = vae(zoo.EnergyPrior(network=network, **SHORT))
        network.layers[-1].bias.assign([constant / energy_prior._SHARE])
        values.append(model.estimate_log_z()[0])
        densities.append(model.log_prior((tf.constant([[0.3, -1.0]]),)))
    assert values[1] - values[0] == pytest.approx(10.0, rel=1e-4)
    assert_close(densities[1], densities[0], 1e-4)


# === The gradient ===


def test_a_step_adds_the_gradient_of_draws_of_the_prior_and_no_value(images):
    model = tilted()
    noise = random.StepNoise(random.as_seed(6), len(images))
    with tf.GradientTape(persistent=True) as tape:
        record = model.infer(images, seed=2)
        compared = model._compare_with_prior(record, noise)
        drawn = model.energy.chain(
            random.StepNoise(random.as_seed(6), len(images)), tf.ones(len(images))
        )
        contrast = model.energy.exponent(drawn.latents) - model.energy.exponent(record.latents)
    assert_close(compared.rate, record.rate, 0.0)
    weights = model.energy.trainable_weights
    assert_close(tape.gradient(compared.rate, weights), tape.gradient(contrast, weights))
    # The encoder learns through f, too, and as without the draws.
    weights = model.posterior_head.trainable_weights
    assert_close(tape.gradient(compared.rate, weights), tape.gradient(record.rate, weights))
    assert_close(np.mean(compared.measures["prior_gap"]), -np.mean(contrast))


def test_the_encoder_is_moved_by_the_energy(images):
    model = quadratic()
    with tf.GradientTape(persistent=True) as tape:
        record = model.infer(images, seed=2)
        mean_share = tf.reduce_mean(model.energy.exponent(record.latents))
        mean_rate = tf.reduce_mean(record.rate)
    bias = model.posterior_head.bias
    share, rate = tape.gradient(mean_share, bias), tape.gradient(mean_rate, bias)
    with tf.GradientTape() as tape:
        mean_rate = tf.reduce_mean(vae().infer(images, seed=2).rate)
    plain = vae()
    with tf.GradientTape() as tape:
        mean_rate = tf.reduce_mean(plain.infer(images, seed=2).rate)
    assert_close(rate, tape.gradient(mean_rate, plain.posterior_head.bias) - share)


# === A model like any other ===


@pytest.mark.parametrize("name", ["ConvVAE_energy", "PixelVAE_energy"])
def test_row_of_a_sample_is_its_row_seeds_and_temperatures(name):
    model = contract.make_model(name)
    together = model.sample_prior(4, seed=7, temperature=[1.0, 0.5, 0.0, 1.0])[0]
    noise = random.RowNoise(tf.constant([[7, 1]]))
    latents, _ = model.generate(noise, tf.constant([0.5]))
    assert_close(latents[0][0], together[1])
    still = model.sample_prior(3, seed=8, temperature=0.0)[0]
    assert_close(still, np.repeat(together[2:3], 3, axis=0))
    assert model.sample(2, seed=1).shape == (2, *contract.IMAGE_SHAPE)


def test_training_keeps_log_z_and_its_error_and_logs_them(images, tmp_path):
    model = tilted()
    model.compile(keras.optimizers.Adam(1e-2), zoo.ELBO(), run_eagerly=True)
    history = model.fit(
        images, batch_size=8, epochs=2, verbose=0, validation_data=(images,)
    ).history
    both = {"loss", "rate", "distortion", "rmse", "prior_gap", "prior_stiff"}
    assert set(history) == both | {f"val_{name}" for name in both} | {"log_z"}
    energy = model.energy
    assert history["log_z"][-1] == pytest.approx(float(energy.log_z))
    assert history["log_z"][0] != history["log_z"][1]
    assert float(energy.log_z_error) > 0
    # Validation saw the log Z of its own weights.
    val_rate = model.evaluate(images, verbose=0, return_dict=True)["rate"]
    assert val_rate == pytest.approx(history["val_rate"][-1], rel=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(loaded.energy.log_z) == float(energy.log_z)
    assert float(loaded.energy.log_z_error) == float(energy.log_z_error)
    assert_close(loaded.sample(2, seed=1), model.sample(2, seed=1))
    assert_close(loaded.infer(images, seed=1).rate, model.infer(images, seed=1).rate)


@pytest.mark.usefixtures("unchecked")
def test_an_exported_model_samples_by_its_chains(images, tmp_path):
    model = tilted()
    model.export(tmp_path / "1", log_prob_samples=2)
    assert float(model.energy.log_z) != 0.0
    loaded = zoo.load(tmp_path / "1")
    assert_close(loaded.log_prob(images, 2), model.log_prob(images, 2))
    signatures = tf.saved_model.load(tmp_path / "1").signatures
    seeds = tf.constant([[3, 0], [9, 5]])
    temperatures = tf.constant([1.0, 0.5])
    drawn = signatures["sample"](seed=seeds, temperature=temperatures)["image"]
    assert_close(drawn, model.sample_rows(seeds, temperatures))


@pytest.mark.usefixtures("mixed_bfloat16")
def test_energy_is_float32_under_mixed_precision(images):
    model = vae(zoo.EnergyPrior(hidden_units=(5,), **SHORT))
    assert {layer.compute_dtype for layer in model.energy._flatten_layers()} == {"float32"}
    network = keras.Sequential([keras.layers.Dense(1)])
    model = vae(zoo.EnergyPrior(network=network, **SHORT))
    assert model.infer(images, seed=0).rate.dtype == tf.float32
    assert model.sample_prior(2, seed=0)[0].dtype == tf.float32


def test_a_chain_that_diverges_is_named_with_the_step_that_would_be_stable(images, caplog):
    prior = zoo.EnergyPrior(network=Quadratic(99 * np.eye(2), VECTOR), **SHORT)
    model = vae(prior)
    model.compile("adam", zoo.ELBO(), run_eagerly=True)
    with caplog.at_level(logging.WARNING):
        model.fit(images, batch_size=8, verbose=0)
    (text,) = [r.getMessage() for r in caplog.records if "diverge" in r.getMessage()]
    assert text == (
        "The Langevin chains of the prior diverge: 100% of them end where a step of 0.3 is too "
        "large to be stable. Train with EnergyPrior(step_size=0.2)."
    )


def test_card_says_what_the_prior_is():
    assert zoo.EnergyPrior().card == (
        "energy-based (Pang et al. 2020): exp(f(z)) N(z; 0, I) / Z, with a network of 200 and 200 "
        "hidden units; samples are 60 Langevin steps of 0.4"
    )


# === Errors ===


def test_priors_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"prior must be 'standard_normal' or a zoo.EnergyPrior"):
        vae("real_nvp")
    with pytest.raises(ValueError, match="and EnergyPrior is one law"):
        vae(zoo.EnergyPrior(), tolerance_range=(0.1, 0.2))
    for arguments, message in (
        ({"step_size": 0.0}, "step_size must be a finite number above 0"),
        ({"step_size": -0.4}, "step_size must be a finite number above 0"),
        ({"num_steps": 0}, "num_steps must be an int of at least 1"),
        ({"hidden_units": ()}, "hidden_units must be one or more ints"),
        ({"num_temperatures": 0}, "num_temperatures must be an int"),
        ({"network": abs}, "network must be a Keras model from latents"),
    ):
        with pytest.raises(ValueError, match=message):
            zoo.EnergyPrior(**arguments)
    wanted = r"to one number a row, \[batch, 1\]. Received: a network with output \(None, 3\)"
    with pytest.raises(ValueError, match=wanted):
        vae(zoo.EnergyPrior(network=keras.Sequential([keras.layers.Dense(3)])))
    prior = vae(zoo.EnergyPrior(**SHORT)).prior
    with pytest.raises(ValueError, match="already belongs to another model"):
        vae(prior)


class Broken(keras.layers.Layer):
    def call(self, inputs):
        raise RuntimeError("no way\nfrom here")


def _two_outputs():
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(1)(inputs)
    return keras.Model(inputs, [outputs, outputs])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)]), "called on them: "),
        (
            lambda: keras.Sequential([keras.layers.Conv2D(1, 3)]),
            "expected min_ndim=4, found ndim=2",
        ),
        (lambda: keras.Sequential([Broken()]), "a network that cannot be called on them: no way"),
        (_two_outputs, r"a network with output \[\(None, 1\), \(None, 1\)\]"),
    ],
    ids=["other size", "other rank", "an error inside", "two outputs"],
)
def test_a_network_that_fails_is_told_in_a_line(make, said):
    with pytest.raises(ValueError, match=f"to one number a row.*Received: .*{said}") as caught:
        vae(zoo.EnergyPrior(network=make()))
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_what_asks_for_another_prior_is_refused():
    with pytest.raises(ValueError, match=r"was made without a zoo.EnergyPrior"):
        vae().estimate_log_z()
    with pytest.raises(ValueError, match="A codec's shared codebooks are draws from a normal"):
        codec.Codec(tilted(), tolerance=0.1)
