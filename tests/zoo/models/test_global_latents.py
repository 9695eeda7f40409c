"""ConvDRAW that begins with a vector of latents for the whole image."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close
from zoo import codec, random

pytestmark = pytest.mark.usefixtures("uncompiled")

SIZES = {"num_steps": 2, "filters": 4, "latent_filters": 2, "kernel_size": 3, "stride": 2}


def make(**kwargs):
    return zoo.ConvDRAW(contract.IMAGE_SHAPE, **SIZES, **{"global_latents": 3} | kwargs)


def without_start(model):
    """The model with a vector that changes nothing, and a ConvDRAW of the same other weights."""
    for weight in (
        *model.global_networks.to_canvas.weights,
        *model.global_networks.to_state.weights,
    ):
        weight.assign(tf.zeros_like(weight))
    plain = zoo.ConvDRAW(contract.IMAGE_SHAPE, **SIZES)
    for weight, other in zip(plain.weights, model.weights, strict=False):
        weight.assign(other)
    return model, plain


def vector_terms(model, images, vector):
    """KL(q ‖ N(0, I)), log q and log p of the vector in nats, in float64."""
    posterior = model.global_networks.posterior(images)
    mean, scale = np.float64(posterior.loc), np.float64(posterior.scale)
    divergence = 0.5 * (mean**2 + scale**2 - 1) - np.log(scale)
    normalised = np.log(2 * np.pi) / 2
    log_posterior = -0.5 * ((vector - mean) / scale) ** 2 - np.log(scale) - normalised
    log_prior = -0.5 * vector**2 - normalised
    return [values.sum(axis=1) for values in (divergence, log_posterior, log_prior)]


def test_a_vector_that_changes_nothing_leaves_convdraw_and_its_own_terms(images):
    model, plain = without_start(make())
    record, without = model.infer(images, seed=1), plain.infer(images, seed=1)
    divergence, log_posterior, log_prior = vector_terms(
        model, images, np.float64(record.latents[0])
    )
    assert_close(record.reconstruction, without.reconstruction, 0.0)
    assert_close(record.rate, without.rate + divergence, 1e-5)
    assert_close(record.log_posterior, without.log_posterior + log_posterior, 1e-5)
    assert_close(record.log_prior, without.log_prior + log_prior, 1e-5)


@pytest.mark.parametrize("cut", ["to_state", "to_canvas"])
def test_canvas_and_state_each_know_the_vector(cut, images):
    """By either alone the images and the priors of the steps move."""
    model = make()
    for weight in getattr(model.global_networks, cut).weights:
        weight.assign(tf.zeros_like(weight))
    vector, *of_steps = model.encode(images, seed=0)
    latents, others = (vector, *of_steps), (vector + 1.0, *of_steps)
    assert np.abs(model.decode(others).mean() - model.decode(latents).mean()).max() > 1e-3
    change = model.log_prior(latents) - model.log_prior(others)
    own = 0.5 * np.sum((vector + 1.0) ** 2 - vector**2, axis=1)
    assert np.abs(change - own).min() > 1e-4


def test_densities_are_those_of_the_record(images):
    model = contract.make_model("ConvDRAW_global")
    record = model.infer(images, seed=0)
    assert_close(model.log_posterior(record.latents, images), record.log_posterior, 1e-5)
    assert_close(model.log_prior(record.latents), record.log_prior, 1e-5)


def test_what_is_kept_begins_with_the_vector(images):
    model = contract.make_model("ConvDRAW_global")
    latents = model.encode(images, seed=0)
    for num_kept in (1, 2, 3):
        redrawn = model.redraw(latents, num_kept, seed=1)
        for index, (new, old) in enumerate(zip(redrawn, latents, strict=True)):
            assert np.array_equal(new, old) == (index < num_kept)


def test_noise_that_latents_were_made_of_comes_back():
    """What an energy tilts: the steps' noise, then the vector."""
    model = make()
    rng = np.random.default_rng(0)
    shapes = [(4, *shape) for shape in model._noise_shapes]
    numbers = tuple(tf.constant(rng.normal(size=shape), tf.float32) for shape in shapes)
    latents, _ = model._generate(random.GivenNoise(numbers), tf.ones(4), None)
    for found, given in zip(model._noise_of(latents, None), numbers, strict=True):
        assert_close(found, given, 1e-5)
    assert zoo.with_energy_prior(model).sample(2, seed=0).shape == (2, *contract.IMAGE_SHAPE)


def test_a_mixture_takes_the_place_of_its_normal(images):
    model = make()
    copy = zoo.with_mixture_prior(model, zoo.MixturePrior(2))
    assert_close(copy.reconstruct(images), model.reconstruct(images), 0.0)
    many = np.concatenate([images] * 4)
    before = copy.infer(many, seed=(3, 0)).rate.numpy().mean()
    gain = copy.fit_prior(many, seed=3)
    assert gain > 0.1
    assert_close(copy.infer(many, seed=(3, 0)).rate.numpy().mean(), before - gain, 1e-4)
    drawn = copy.sample_prior(100, seed=0, temperature=0.0)[0]
    assert len(np.unique(np.round(drawn, 4), axis=0)) == 2, "the components' means"


def test_no_mixture_to_fit_says_what_makes_one(images):
    with pytest.raises(ValueError, match="Make one with global_latents= and prior="):
        make(global_latents=None).fit_prior(images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"global_latents": 0}, "global_latents"),
        ({"global_latents": None, "prior": zoo.MixturePrior(2)}, "pass global_latents= as well"),
        ({"prior": zoo.EnergyPrior()}, "'standard_normal' or a zoo.MixturePrior"),
        ({"tolerance_range": (0.1, 0.2)}, "leave out global_latents=, or tolerance_range="),
        ({"context_shape": (4, 8, 1)}, "leave out global_latents=, or context_shape="),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_a_codec_of_it_is_refused():
    with pytest.raises(ValueError, match="global_latents come before all steps"):
        codec.Codec(make(), tolerance=0.1)
