"""The ELBO objective: its value, and the values of beta it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo import schedules


def test_loss_is_the_mean_of_distortion_plus_beta_times_rate(images):
    model = contract.make_model(contract.SMALLEST)
    model.compile(keras.optimizers.Adam(), objective=zoo.ELBO(beta=0.25), run_eagerly=True)
    logs = model.evaluate(images, batch_size=8, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["distortion"] + 0.25 * logs["rate"], rel=1e-5)


def test_default_objective_is_the_elbo_with_beta_1(images):
    model = contract.make_model(contract.SMALLEST)
    model.compile(keras.optimizers.Adam(), run_eagerly=True)
    assert isinstance(model.objective, zoo.ELBO)
    logs = model.evaluate(images, batch_size=8, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["distortion"] + logs["rate"], rel=1e-5)


def test_learned_scale_moves_towards_the_error(images):
    # Far above the error, the likelihood's own weight must shrink under the ELBO.
    likelihood = zoo.distributions.Gaussian(scale="learned")
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, filters=(2,), hidden_units=4, likelihood=likelihood)
    model.compile(keras.optimizers.SGD(1e-3), objective=zoo.ELBO(), run_eagerly=True)
    before = float(likelihood.scale)
    contract.train(model, images, num_steps=2)
    assert np.sqrt(model.infer(images, seed=0).squared_error).max() < before
    assert float(likelihood.scale) < before


@pytest.mark.parametrize("beta", [-1, "1", None, float("nan"), float("inf"), True])
def test_beta_must_be_a_number_of_at_least_0_or_a_schedule(beta):
    with pytest.raises(ValueError, match=r"beta must be .* at least 0 or a .* Received: beta="):
        zoo.ELBO(beta=beta)


@pytest.mark.usefixtures("uncompiled")
def test_running_scale_gives_the_gradient_of_the_optimal_one(images):
    # With the closed-form σ*² = mean squared error, -log p = D/2 · log σ*² + constant.
    likelihood = zoo.distributions.Gaussian(decay=0.0)
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, filters=(2,), hidden_units=4, likelihood=likelihood)
    with tf.GradientTape(persistent=True) as tape:
        record = model.infer(images, seed=0)
        squared_error = tf.reduce_mean(record.squared_error)
        optimal = 0.5 * np.prod(contract.IMAGE_SHAPE) * tf.math.log(squared_error)
        likelihood.observe(tf.stop_gradient(squared_error))
        distortion = tf.reduce_mean(
            -model.likelihood.distribution(_parameters(record)).log_prob(images)
        )
    weights = model.decoder.trainable_weights
    contract.assert_close(tape.gradient(distortion, weights), tape.gradient(optimal, weights), 1e-4)


def _parameters(record):
    """The decoder's output of a record, from its sigmoid mean."""
    mean = record.reconstruction
    return tf.math.log(mean) - tf.math.log1p(-mean)


def test_scheduled_beta_counts_training_steps_and_is_logged(images):
    model = contract.make_model(contract.SMALLEST)
    objective = zoo.ELBO(beta=schedules.Linear(0.0, 1.0, steps=4))
    model.compile(keras.optimizers.Adam(1e-3), objective=objective, run_eagerly=True)
    for expected in (0.5, 1.0, 1.0):
        contract.train(model, images, num_steps=2)
        logs = model.evaluate(images, batch_size=8, verbose=0, return_dict=True)
        assert logs["beta"] == pytest.approx(expected)
        assert logs["loss"] == pytest.approx(logs["distortion"] + expected * logs["rate"], rel=1e-5)
    assert float(objective.num_steps) == 6


def test_first_step_uses_the_first_beta(images):
    losses = []
    for beta in (0.25, schedules.Cosine(0.25, 9.0, steps=100)):
        model = contract.make_model(contract.SMALLEST)
        optimizer, objective = keras.optimizers.Adam(1e-3), zoo.ELBO(beta=beta)
        model.compile(optimizer, objective=objective, run_eagerly=True)
        losses.append(contract.train(model, images, num_steps=1))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


@pytest.mark.usefixtures("uncompiled")
def test_pixel_scale_annealing_balances_as_gqn_does(images):
    """The gradient is that of squared error / (2 s²) + rate, times σ-independent s²/σ²."""
    scale = 0.3
    likelihood = zoo.distributions.Gaussian(scale=scale)
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, filters=(2,), hidden_units=4, likelihood=likelihood)
    objective = zoo.ELBO(beta=schedules.PixelScaleAnnealing(2.0, 0.7, steps=10))
    model.compile(keras.optimizers.SGD(1e-3), objective=objective)
    objective.num_steps.assign(5.0)
    pixel_scale = 1.35
    with tf.GradientTape(persistent=True) as tape:
        record = model.infer(images, seed=0)
        loss = objective.loss(objective.terms(model, record), training=False)
        squared_error = np.prod(contract.IMAGE_SHAPE) * record.squared_error
        gqn = tf.reduce_mean(squared_error / (2 * pixel_scale**2) + record.rate)
    weights = model.trainable_weights
    expected = [pixel_scale**2 / scale**2 * g for g in tape.gradient(gqn, weights)]
    contract.assert_close(tape.gradient(loss, weights), expected, 1e-4)


def test_pixel_scale_annealing_needs_a_scale():
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, filters=(2,), hidden_units=4, likelihood="bernoulli")
    objective = zoo.ELBO(beta=schedules.PixelScaleAnnealing())
    with pytest.raises(ValueError, match="Bernoulli does not have"):
        model.compile(keras.optimizers.Adam(), objective=objective)


def test_unregularised_minimises_the_distortion_alone(images):
    model = contract.make_model(contract.SMALLEST)
    model.compile(keras.optimizers.Adam(), objective=zoo.Unregularised(), run_eagerly=True)
    logs = model.evaluate(images, batch_size=8, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["distortion"], rel=1e-6)
    assert logs["rate"] > 0
