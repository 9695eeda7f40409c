"""The ELBO objective: its value, and the values of beta it refuses."""

import keras
import numpy as np
import pytest

import zoo
from tests import contract


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


@pytest.mark.parametrize("beta", [-1, "1", None, float("nan")])
def test_beta_must_be_a_number_of_at_least_0(beta):
    with pytest.raises(ValueError, match=r"beta must be .* at least 0. Received: beta="):
        zoo.ELBO(beta=beta)
