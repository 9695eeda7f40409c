"""The contract of every architecture: what is exported answers as the Keras model does."""

import json

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close, context_of, images_of
from tests.tiers import cover
from tests.zoo.serving import row_groupings
from tests.zoo.serving.conftest import LOG_PROB_SAMPLES, PAIRS
from zoo import random
from zoo.serving.signatures import make_signatures

SEEDS = np.array([[3, 0], [3, 1], [9, 5]], np.int32)
TEMPERATURES = np.array([1.0, 0.5, 0.0], np.float32)
OTHERS = [
    (name, contract.default_objective(name))
    for name in contract.FULL_MODELS
    if name not in dict(PAIRS)
]


@pytest.fixture(params=cover([*PAIRS, *OTHERS], PAIRS[:1]), ids="-".join, scope="module")
def exported(request, export_once):
    return export_once(*request.param)


@pytest.fixture(scope="module")
def model(exported):
    return exported.model


@pytest.fixture(scope="module")
def answer(exported):
    """Asks a signature of the SavedModel; returns a dict of output name to array."""
    return lambda name, **inputs: exported.answer(name, inputs)


def seeds_of(model, num):
    """The input that draws what the Keras model does without a seed, if the model draws at all."""
    return {} if model.has_mean else {"seed": random.row_seeds(0, num).numpy()}


@pytest.mark.parametrize("name", ["serving_default", "reconstruct"])
def test_reconstruct_signature(model, answer, images, name):
    given = context_of(model, images)
    expected = model.reconstruct(images, **given)
    output = answer(name, image=images, **given, **seeds_of(model, len(images)))
    assert_close(output["reconstruction"], expected)
    assert set(output) == {"reconstruction", "error"}
    assert list(output["error"]) == [b""] * len(images)


def test_encode_signature(model, answer, images):
    given = context_of(model, images)
    latents = model.encode(images, **given)
    output = answer("encode", image=images, **given)
    assert set(output) == {"error", *(f"latents_{i}" for i in range(len(latents)))}
    assert_close([output[f"latents_{i}"] for i in range(len(latents))], list(latents))


def test_decode_signature(model, answer, images):
    given = context_of(model, images[:3])
    latents = model.sample_prior(3, seed=1, **given)
    named = {f"latents_{i}": z.numpy() for i, z in enumerate(latents)}
    output = answer("decode", **named, **given, **seeds_of(model, 3))
    assert_close(output["image"], images_of(model, model.decode(latents, **given)))


def test_sample_signature(model, answer, images):
    given = context_of(model, images[:3])
    output = answer("sample", seed=SEEDS, temperature=TEMPERATURES, **given)
    assert_close(output["image"], model.sample_rows(tf.constant(SEEDS), TEMPERATURES, **given))
    assert np.ptp(output["image"], axis=0).max() > 0
    first = model.sample(1, seed=3, **context_of(model, images[:1]))
    assert_close(output["image"][:1], first)


def test_log_prob_signature(model, answer, images):
    given = context_of(model, images[:3])
    expected = model.log_prob_rows(images[:3], tf.constant(SEEDS), LOG_PROB_SAMPLES, **given)
    found = answer("log_prob", image=images[:3], seed=SEEDS, **given)["log_prob"]
    assert_close(found, expected)
    assert np.ptp(found) > 0, "a signature that ignored its inputs would pass on equal rows"


def test_rows_may_be_grouped_in_any_way(model, answer):
    """`tests/zoo/serving/test_row_grouping.py` has many more groupings, in a server's session."""
    requests = row_groupings.requests_of(model, make_signatures(model), num_rows=7)
    fills_in = {"fill_in"} if model.takes_mask else set()
    assert set(requests) == {"reconstruct", "encode", "decode", "sample", "log_prob"} | fills_in
    for name, inputs in requests.items():
        result = row_groupings.compare(
            lambda given, name=name: answer(name, **given), inputs, 3, not model.has_mean
        )
        assert result.largest_difference <= 1e-5, name
        assert result.drawn_rows_changed <= 1, name


@pytest.mark.usefixtures("uncompiled")
def test_loaded_model_is_the_exported_one_and_trains_on(exported, images):
    model, loaded = exported.model, zoo.load(exported.path)
    assert type(loaded) is type(model)
    # Keras keeps the shapes that a layer was built for as tuples, and a file has lists.
    assert json.dumps(loaded.get_config()) == json.dumps(model.get_config())
    given, of_three = context_of(model, images), context_of(model, images[:3])
    reconstructions = [m.reconstruct(images, **given, seed=4) for m in (loaded, model)]
    assert_close(*reconstructions)
    assert_close(loaded.sample(3, seed=1, **of_three), model.sample(3, seed=1, **of_three))
    assert_close(loaded.log_prob(images, **given), model.log_prob(images, **given))
    contract.assert_same_state(
        {v.path: v.numpy() for v in loaded.weights + loaded.objective.weights},
        {v.path: v.numpy() for v in model.weights + model.objective.weights},
    )
    assert loaded.objective.multipliers == model.objective.multipliers
    before, loaded.run_eagerly = loaded.get_weights(), True
    assert np.isfinite(contract.train(loaded, images, num_steps=1))
    assert not all(map(np.array_equal, loaded.get_weights(), before))
    if model.objective.multipliers:
        assert float(loaded.objective.num_updates) == float(model.objective.num_updates) + 1
