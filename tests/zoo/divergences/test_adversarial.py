"""Adversarial: what its discriminator learns, and that its state is kept."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.zoo.divergences import gaussians
from zoo.divergences import Adversarial

NAME = "InfoVAE_Adversarial"


def learned(scale, dimension, num_steps):
    """Returns a discriminator between N(0, scale² I) and N(0, I) after some steps."""
    rng = np.random.default_rng(0)
    divergence = Adversarial(hidden_units=(32,), optimizer=keras.optimizers.Adam(1e-2))
    divergence.create(dimension)
    step = tf.function(divergence.train, autograph=False)
    for _ in range(num_steps):
        samples, others = rng.normal(size=(2, 256, dimension)).astype(np.float32)
        step(tf.constant(np.float32(scale) * samples), tf.constant(others))
    return divergence


def test_discriminator_learns_the_log_density_ratio_of_gaussians():
    scale, dimension = 0.6, 2
    divergence = learned(scale, dimension, num_steps=600)
    rng = np.random.default_rng(1)
    points = (scale * rng.normal(size=(4000, dimension))).astype(np.float32)
    squares = (np.float64(points) ** 2).sum(axis=1)
    ratio = -dimension * np.log(scale) - 0.5 * squares * (1 / scale**2 - 1)
    errors = np.float64(divergence.logits(tf.constant(points))) - ratio
    assert np.sqrt((errors**2).mean()) < 0.15
    assert float(divergence(points)) == pytest.approx(gaussians.kl(scale, dimension), abs=0.05)
    others = rng.normal(size=(4000, dimension)).astype(np.float32)
    assert abs(float(learned(1.0, dimension, num_steps=200)(others))) < 0.02


def test_gradient_leads_samples_to_the_prior():
    divergence = learned(0.6, 2, num_steps=600)
    samples = tf.constant([[0.3, 0.0], [0.0, -0.6]])
    with tf.GradientTape() as tape:
        tape.watch(samples)
        value = divergence(samples)
    expected = -np.float64(samples) * (1 / 0.6**2 - 1) / 2  # of the mean log density ratio
    np.testing.assert_allclose(tape.gradient(value, samples), expected, atol=0.2)


def test_before_training_it_says_nothing():
    divergence = Adversarial()
    with pytest.raises(ValueError, match=r"no discriminator yet: call create\(3\)"):
        divergence(np.ones((4, 3)))
    divergence.create(3)
    assert float(divergence(np.ones((4, 3)))) == 0.0


def discriminator_of(model):
    return [np.asarray(w) for w in model.objective.divergence.discriminator.weights]


def test_discriminator_moves_in_training_only_and_is_no_weight_of_the_model(images):
    model = contract.make_compiled(contract.SMALLEST, NAME, run_eagerly=True)
    own = {id(v) for v in model.objective.divergence.discriminator.weights}
    assert own
    assert not own & {id(v) for v in model.weights}
    before = discriminator_of(model)
    model.evaluate(images, verbose=0)
    for a, b in zip(before, discriminator_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
    contract.train(model, images, num_steps=3)
    for a, b in zip(before, discriminator_of(model), strict=True):
        assert not np.array_equal(a, b)


def test_models_gradient_goes_through_the_discriminator_as_it_was(images):
    """The first step, when the discriminator knows nothing, is that of the rest of the loss."""
    model = contract.make_compiled(
        contract.SMALLEST, NAME, contract.linear_optimizer(), run_eagerly=True
    )
    contract.train(model, images, num_steps=1, batch_size=8)
    other = contract.make_model(contract.SMALLEST)
    other.compile(
        contract.linear_optimizer(), objective=zoo.ELBO(beta=0.75), seed=5, run_eagerly=True
    )
    contract.train(other, images, num_steps=1, batch_size=8)
    contract.assert_close(model.get_weights(), other.get_weights())


def test_backup_restores_the_discriminator_and_its_optimizer(images, tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def fit(model, *callbacks):
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        data = tf.data.Dataset.from_tensor_slices(images).batch(8)
        model.fit(data, epochs=3, verbose=0, callbacks=[backup, *callbacks])

    interrupted, resumed, whole = (
        contract.make_compiled(contract.SMALLEST, NAME, run_eagerly=True) for _ in range(3)
    )
    with pytest.raises(KeyboardInterrupt):
        fit(interrupted, Interrupt())
    fit(resumed)
    fit(whole)
    contract.assert_same_state(contract.state_of(resumed), contract.state_of(whole), 1e-5)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.thorough
def test_an_exported_model_keeps_the_discriminator(images, tmp_path):
    model = contract.make_compiled(contract.SMALLEST, NAME, run_eagerly=True)
    contract.train(model, images, num_steps=2)
    model.export(tmp_path / "1")
    loaded = zoo.load(tmp_path / "1")
    loaded.run_eagerly = True
    for a, b in zip(discriminator_of(loaded), discriminator_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
    contract.train(loaded, images, num_steps=1)


def test_compiling_again_keeps_the_discriminator(images):
    model = contract.make_compiled(contract.SMALLEST, NAME, run_eagerly=True)
    contract.train(model, images, num_steps=2)
    before = discriminator_of(model)
    model.compile(keras.optimizers.Adam(1e-4), objective=model.objective, run_eagerly=True)
    for a, b in zip(before, discriminator_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
    contract.train(model, images, num_steps=1)


def test_config_round_trip():
    optimizer = keras.optimizers.SGD(0.25, momentum=0.5)
    divergence = Adversarial(hidden_units=(3, 2), optimizer=optimizer)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(divergence))
    assert copy.get_config() == divergence.get_config()
    assert copy.hidden_units == (3, 2)
    assert float(copy.optimizer.learning_rate) == 0.25
    assert float(Adversarial().optimizer.learning_rate) == pytest.approx(1e-3)


@pytest.mark.parametrize("units", [(0,), (8, -1), ("8",), (8.0,), 64])
def test_bad_hidden_units_are_named(units):
    with pytest.raises(ValueError, match=r"hidden_units must be one or more ints of at least 1\."):
        Adversarial(hidden_units=units)


def test_it_belongs_to_one_model():
    divergence = Adversarial(hidden_units=(2,))
    model = contract.make_model(contract.SMALLEST)
    for _ in range(2):  # Compiling anew is no other model.
        model.compile(objective=zoo.InfoVAE(divergence=divergence))
    other = contract.make_model(contract.SMALLEST)
    with pytest.raises(ValueError, match="belongs to another model, whose discriminator it holds"):
        other.compile(objective=zoo.InfoVAE(divergence=divergence))


def test_samples_of_another_dimension_are_refused():
    divergence = Adversarial(hidden_units=(2,))
    divergence.create(3)
    with pytest.raises(ValueError, match=r"takes samples \[N, 3\]\. Received: \(5, 2\)"):
        divergence(tf.zeros([5, 2]))
