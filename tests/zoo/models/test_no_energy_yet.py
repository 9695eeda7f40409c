"""A `zoo.EnergyPrior` begins at f = 0, where every number is that of the model without one.

To the last digit: terms, methods, and what a step of training leaves. Of ConvVAE with an encoder
and ConvDRAW's second stage tests beside theirs have it.
"""

import keras
import numpy as np
import pytest

import zoo
from tests import contract
from tests.contract import assert_close
from tests.tiers import cover
from zoo.distributions import Gaussian

pytestmark = pytest.mark.usefixtures("uncompiled")
TERMS = ("latents", "rate", "distortion", "log_posterior", "log_prior")
CHAINS = {"num_steps": 2, "step_size": 0.2}
PIXELS = {"latent_dim": 3, "filters": 4, "num_blocks": 1, "kernel_size": 3}
PIXELS |= {"encoder_filters": (4,), "hidden_units": 6}
IMAGES = {"filters": (4,), "hidden_units": 6}


def energy():
    return zoo.EnergyPrior(hidden_units=(5,), num_steps=2, step_size=0.3, num_temperatures=2)


MAKERS = {
    "PixelVAE": lambda **prior: zoo.PixelVAE(contract.IMAGE_SHAPE, **PIXELS, **prior),
    "PixelVAE by chains": lambda **prior: zoo.PixelVAE(
        contract.IMAGE_SHAPE, inference="short_run", **CHAINS, **PIXELS, **prior
    ),
    "ConvVAE by chains": lambda **prior: zoo.ConvVAE(
        contract.IMAGE_SHAPE, 3, inference="short_run", **CHAINS, **IMAGES, **prior
    ),
    "ShortRunModel": lambda **prior: zoo.ShortRunModel(
        contract.IMAGE_SHAPE,
        (3, 2),
        likelihood=Gaussian(scale=0.5),
        **CHAINS | {"step_size": "acceptance"},
        **IMAGES,
        **prior,
    ),
}


def assert_same_numbers(plain, tilted, images):
    records = [model.infer(images, seed=1) for model in (plain, tilted)]
    for name in TERMS:
        assert_close(*(getattr(record, name) for record in records), 0.0)
    for call in (
        lambda model: model.log_prob(images, 2, seed=1),
        lambda model: model.encode(images),
        lambda model: model.log_prior(records[0].latents),
        lambda model: model.decode(records[0].latents).log_prob(images),
    ):
        assert_close(*map(call, (plain, tilted)), 0.0)


# Of pixels and of chains each; together they are thorough.
@pytest.mark.parametrize("name", cover(MAKERS, ["PixelVAE", "ConvVAE by chains", "ShortRunModel"]))
def test_an_energy_of_zero_leaves_every_number_as_it_was(name, images):
    models = []
    for prior in ({}, {"prior": energy()}):
        keras.utils.set_random_seed(3)
        models.append(MAKERS[name](**prior))
    plain, tilted = models
    assert_same_numbers(plain, tilted, images)
    for model in models:
        model.compile(keras.optimizers.Adam(1e-3), zoo.ELBO(), run_eagerly=True)
    logs = [model.train_on_batch(images, return_dict=True) for model in models]
    assert {key: logs[1][key] for key in logs[0]} == logs[0]
    own = {id(weight) for weight in tilted.energy.weights}
    others = [weight for weight in tilted.weights if id(weight) not in own]
    assert_close(others, plain.weights, 0.0)
    assert np.any(tilted.energy.trainable_weights[-1]), "f learns"


# A vector of latents, and several layers of them.
@pytest.mark.parametrize(
    "name", cover(["ConvVAE", "PixelVAE", "ShortRunModel"], ["ConvVAE", "ShortRunModel"])
)
def test_a_second_stage_of_zero_has_the_numbers_of_its_model(name, images):
    backbone = contract.make_model(name)
    assert_same_numbers(backbone, zoo.with_energy_prior(backbone, energy()), images)
