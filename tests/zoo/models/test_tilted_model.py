import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close
from zoo import random

pytestmark = pytest.mark.usefixtures("uncompiled")
SHORT = {"hidden_units": (4,), "num_steps": 3, "step_size": 0.3, "num_temperatures": 3}
NUM = 8


def second_stage(name, weights=None):
    """A model and its second stage, whose last layer is 0 or of normal weights so large."""
    backbone = contract.make_model(name)
    model = zoo.with_energy_prior(backbone, zoo.EnergyPrior(**SHORT))
    if weights is not None:
        rng = np.random.default_rng(2)
        last = model.energy.trainable_weights[-1]
        last.assign(weights * rng.standard_normal(last.shape))
    return backbone, model


@pytest.mark.parametrize("name", ["ConvDRAW", "ConvDRAW_conditional", "PixelVAE"])
def test_latents_give_back_the_noise_they_were_made_of(name, images):
    model = contract.make_model(name)
    context = contract.context_of(model, images).get("context")
    noise = tuple(
        random.BatchNoise(random.as_seed(4), NUM).normal(shape, stream=index)
        for index, shape in enumerate(model._noise_shapes)
    )
    latents, _ = model._generate(random.GivenNoise(noise), tf.ones(NUM), context)
    assert_close(model._noise_of(latents, context), noise, 1e-4)


def test_without_energy_yet_every_number_is_the_backbones(images):
    backbone, model = second_stage("ConvDRAW")
    records = [each.infer(images, seed=1) for each in (backbone, model)]
    for name in ("rate", "distortion", "log_posterior", "log_prior", "reconstruction", "latents"):
        assert_close(*(getattr(record, name) for record in records), 0.0)
    assert_close(*(each.log_prob(images, 2, seed=1) for each in (backbone, model)), 0.0)


def test_an_energy_moves_the_prior_by_its_share_alone(images):
    """By draws of the backbone's prior: E exp(f) = Z."""
    backbone, model = second_stage("ConvDRAW", weights=2.0)
    _, error = model.estimate_log_z()
    latents = backbone.sample_prior(1000, seed=3)
    ratios = np.exp(np.float64(model.log_prior(latents) - backbone.log_prior(latents)))
    assert ratios.std() > 0.1, "too flat to tell"
    deviation = ratios.std() / np.sqrt(len(ratios))
    assert abs(ratios.mean() - 1.0) < 3 * (deviation + error)
    records = [each.infer(images, seed=1) for each in (backbone, model)]
    ratio = model.log_prior(records[0].latents) - backbone.log_prior(records[0].latents)
    assert_close(records[1].rate, records[0].rate - ratio)
    assert_close(records[1].log_posterior, records[0].log_posterior, 0.0)


def test_training_moves_the_energy_alone_and_leaves_the_model_as_it_was(images):
    backbone, model = second_stage("ConvDRAW")
    before = backbone.get_weights()
    model.compile(keras.optimizers.Adam(1e-2), zoo.ELBO(), run_eagerly=True)
    assert len(model.optimizer.variables) > 0
    for _ in range(2):
        model.train_on_batch(images)
    assert_close(model.backbone.get_weights(), before, 0.0)
    assert np.any(model.energy.trainable_weights[-1])
    assert len(model.trainable_weights) == len(model.energy.trainable_weights)
    assert backbone.trainable
    assert_close(backbone.get_weights(), before, 0.0)


def test_samples_are_the_ends_of_chains_decoded(images):
    _, model = second_stage("ConvDRAW_conditional", weights=1.0)
    context = images[:3, ..., :1]
    latents = model.sample_prior(3, seed=5, context=context)
    noise = random.RowNoise(random.row_seeds((5, 0), 3))
    ends = model.energy.chain(noise, tf.ones(3)).latents
    assert_close(model._noise_of(latents, tf.constant(context)), ends, 1e-4)


def test_models_that_cannot_have_a_second_stage_are_refused():
    for model, message in (
        (
            contract.MODELS["NVPVAE"](),
            r"a ConvVAE, .* or ShortRunModel. Received: a NVPVAE",
        ),
        (keras.Sequential([keras.layers.Dense(1)]), r"Received: a Sequential"),
        (zoo.InfusionModel(contract.IMAGE_SHAPE), "Received: a InfusionModel"),
        (contract.MODELS["ConvVAE_energy"](), "has the prior EnergyPrior already"),
        (contract.MODELS["ConvDRAW_range"](), "has a tolerance_range"),
    ):
        with pytest.raises(ValueError, match=message):
            zoo.with_energy_prior(model)
    with pytest.raises(ValueError, match=r"prior must be a zoo.EnergyPrior"):
        zoo.with_energy_prior(contract.MODELS["ConvVAE"](), "energy")
