"""The contract of every architecture: what is exported answers as the Keras model does."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close

NUM_SAMPLES = 3  # of the `log_prob` signature
SEEDS = np.array([[3, 0], [3, 1], [9, 5]], np.int32)
TEMPERATURES = np.array([1.0, 0.5, 0.0], np.float32)


@pytest.fixture(scope="module", params=contract.MODELS)
def exported(request, images, tmp_path_factory):
    """A trained model and where it was exported to."""
    model = contract.make_compiled(request.param, "GECO", run_eagerly=True)
    contract.train(model, images, num_steps=2)
    path = tmp_path_factory.mktemp(request.param) / "1"
    model.export(path, log_prob_samples=NUM_SAMPLES)
    return model, path


@pytest.fixture(scope="module")
def answer(exported):
    """Asks a signature of the SavedModel; gives a dict of output name to array."""
    signatures = tf.saved_model.load(exported[1]).signatures

    def ask(name, **inputs):
        outputs = signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        return {key: value.numpy() for key, value in outputs.items()}

    ask.names = set(signatures)
    return ask


def test_signatures_are_those_documented(answer):
    names = {"serving_default", "reconstruct", "encode", "decode", "sample", "log_prob"}
    assert answer.names == names


@pytest.mark.parametrize("name", ["serving_default", "reconstruct"])
def test_reconstruct_signature(exported, answer, images, name):
    output = answer(name, image=images)
    assert_close(output["reconstruction"], exported[0].reconstruct(images))
    assert set(output) == {"reconstruction"}


def test_encode_signature(exported, answer, images):
    latents = exported[0].encode(images)
    output = answer("encode", image=images)
    assert set(output) == {f"latents_{i}" for i in range(len(latents))}
    assert_close([output[f"latents_{i}"] for i in range(len(latents))], list(latents))


def test_decode_signature(exported, answer):
    model = exported[0]
    latents = model.sample_prior(3, seed=1)
    output = answer("decode", **{f"latents_{i}": z.numpy() for i, z in enumerate(latents)})
    assert_close(output["image"], model.decode(latents).mean())


def test_sample_signature(exported, answer):
    output = answer("sample", seed=SEEDS, temperature=TEMPERATURES)
    assert_close(output["image"], exported[0].sample_rows(tf.constant(SEEDS), TEMPERATURES))
    assert_close(output["image"][:1], exported[0].sample(1, seed=3))


def test_log_prob_signature(exported, answer, images):
    expected = exported[0].log_prob_rows(images[:3], tf.constant(SEEDS), NUM_SAMPLES)
    assert_close(answer("log_prob", image=images[:3], seed=SEEDS)["log_prob"], expected)


def test_rows_of_a_request_do_not_depend_on_the_others(answer, images):
    together = answer("log_prob", image=images[:3], seed=SEEDS)["log_prob"]
    alone = answer("log_prob", image=images[2:3], seed=SEEDS[2:])["log_prob"]
    assert_close(alone[0], together[2])
    samples = answer("sample", seed=SEEDS, temperature=TEMPERATURES)["image"]
    sample = answer("sample", seed=SEEDS[1:2], temperature=TEMPERATURES[1:2])["image"]
    assert_close(sample[0], samples[1])


def test_loaded_model_is_the_exported_one_and_trains_on(exported, images):
    model, path = exported
    loaded = zoo.load(path)
    assert type(loaded) is type(model)
    assert loaded.get_config() == model.get_config()
    assert_close(loaded.reconstruct(images), model.reconstruct(images))
    assert_close(loaded.sample(3, seed=1), model.sample(3, seed=1))
    assert_close(loaded.log_prob(images), model.log_prob(images))
    contract.assert_same_state(
        {v.path: v.numpy() for v in loaded.weights + loaded.objective.weights},
        {v.path: v.numpy() for v in model.weights + model.objective.weights},
    )
    assert loaded.objective.multipliers == model.objective.multipliers
    contract.train(loaded, images, num_steps=1)
    assert float(loaded.objective.num_updates) == float(model.objective.num_updates) + 1
