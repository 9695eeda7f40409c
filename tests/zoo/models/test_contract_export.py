"""The contract of every architecture: what is exported answers as the Keras model does."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close, context_of, images_of
from tests.tiers import cover
from tests.zoo.serving import row_groupings
from zoo import random
from zoo.serving.signatures import make_signatures

NUM_SAMPLES = 3  # of the `log_prob` signature
SEEDS = np.array([[3, 0], [3, 1], [9, 5]], np.int32)
TEMPERATURES = np.array([1.0, 0.5, 0.0], np.float32)


@pytest.fixture(
    scope="module", params=cover(contract.FULL_MODELS, ["ConvVAE", "ConvDRAW_conditional"])
)
def exported(request, images, tmp_path_factory):
    """A trained model and where it was exported to."""
    model = contract.make_compiled(request.param, run_eagerly=True)
    contract.train(model, images, num_steps=2)
    path = tmp_path_factory.mktemp(request.param) / "1"
    model.export(path, log_prob_samples=NUM_SAMPLES)
    return model, path


@pytest.fixture(scope="module")
def answer(exported):
    """Asks a signature of the SavedModel; returns a dict of output name to array."""
    signatures = tf.saved_model.load(exported[1]).signatures

    def ask(name, **inputs):
        outputs = signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        return {key: value.numpy() for key, value in outputs.items()}

    ask.names = set(signatures)
    return ask


def seeds_of(model, num):
    """The input that draws what the Keras model does without a seed, if the model draws at all."""
    return {} if model.has_mean else {"seed": random.row_seeds(0, num).numpy()}


def test_signatures_are_those_documented(answer):
    names = {"serving_default", "reconstruct", "encode", "decode", "sample", "log_prob"}
    assert answer.names == names


@pytest.mark.parametrize("name", ["serving_default", "reconstruct"])
def test_reconstruct_signature(exported, answer, images, name):
    given = context_of(exported[0], images)
    expected = exported[0].reconstruct(images, **given)
    output = answer(name, image=images, **given, **seeds_of(exported[0], len(images)))
    assert_close(output["reconstruction"], expected)
    assert set(output) == {"reconstruction", "error"}
    assert list(output["error"]) == [b""] * len(images)


def test_encode_signature(exported, answer, images):
    given = context_of(exported[0], images)
    latents = exported[0].encode(images, **given)
    output = answer("encode", image=images, **given)
    assert set(output) == {"error", *(f"latents_{i}" for i in range(len(latents)))}
    assert_close([output[f"latents_{i}"] for i in range(len(latents))], list(latents))


def test_decode_signature(exported, answer, images):
    model = exported[0]
    given = context_of(model, images[:3])
    latents = model.sample_prior(3, seed=1, **given)
    named = {f"latents_{i}": z.numpy() for i, z in enumerate(latents)}
    output = answer("decode", **named, **given, **seeds_of(model, 3))
    assert_close(output["image"], images_of(model, model.decode(latents, **given)))


def test_sample_signature(exported, answer, images):
    model = exported[0]
    given = context_of(model, images[:3])
    output = answer("sample", seed=SEEDS, temperature=TEMPERATURES, **given)
    assert_close(output["image"], model.sample_rows(tf.constant(SEEDS), TEMPERATURES, **given))
    first = model.sample(1, seed=3, **context_of(model, images[:1]))
    assert_close(output["image"][:1], first)


def test_log_prob_signature(exported, answer, images):
    given = context_of(exported[0], images[:3])
    expected = exported[0].log_prob_rows(images[:3], tf.constant(SEEDS), NUM_SAMPLES, **given)
    assert_close(answer("log_prob", image=images[:3], seed=SEEDS, **given)["log_prob"], expected)


def test_rows_may_be_grouped_in_any_way(exported, answer):
    """`tests/zoo/serving/test_row_grouping.py` has many more groupings, in a server's session."""
    model = exported[0]
    requests = row_groupings.requests_of(model, make_signatures(model), num_rows=7)
    for name, inputs in requests.items():
        result = row_groupings.compare(
            lambda given, name=name: answer(name, **given), inputs, 3, not model.has_mean
        )
        assert result.largest_difference <= 1e-5, name
        assert result.drawn_rows_changed <= 1, name


def test_loaded_model_is_the_exported_one_and_trains_on(exported, images):
    model, path = exported
    loaded = zoo.load(path)
    assert type(loaded) is type(model)
    assert loaded.get_config() == model.get_config()
    given, of_three = context_of(model, images), context_of(model, images[:3])
    assert_close(loaded.reconstruct(images, **given), model.reconstruct(images, **given))
    assert_close(loaded.sample(3, seed=1, **of_three), model.sample(3, seed=1, **of_three))
    assert_close(loaded.log_prob(images, **given), model.log_prob(images, **given))
    contract.assert_same_state(
        {v.path: v.numpy() for v in loaded.weights + loaded.objective.weights},
        {v.path: v.numpy() for v in model.weights + model.objective.weights},
    )
    assert loaded.objective.multipliers == model.objective.multipliers
    contract.train(loaded, images, num_steps=1)
    if model.objective.multipliers:
        assert float(loaded.objective.num_updates) == float(model.objective.num_updates) + 1
