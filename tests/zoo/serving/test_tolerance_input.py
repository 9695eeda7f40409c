"""A model with a range of tolerances is served at any of them: a row has its own, and its error."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close
from tests.zoo.serving import row_groupings
from zoo.base.compiled import uncompiled
from zoo.serving.client.errors import InvalidInputError
from zoo.serving.client.served_signature import ServedSignature, TensorSpec
from zoo.serving.client.signature_inputs import as_inputs
from zoo.serving.signatures import make_signatures

TOLERANCES = np.float32([0.3, 0.35, 0.45, 0.6])


@pytest.fixture(scope="module")
def exported(export_once):
    return export_once("ConvVAE_range", "GECO_range")


@pytest.mark.parametrize("name", contract.RANGE_MODELS)
def test_every_signature_takes_a_tolerance_and_answers_as_the_method(name, images):
    with uncompiled():
        model = contract.make_model(name)
        signatures = make_signatures(model, log_prob_samples=2)
        assert {n for n, s in signatures.items() if "tolerance" in s.inputs} == set(signatures)
        requests = row_groupings.requests_of(model, signatures, 4)
        found = {}
        for signature, inputs in requests.items():
            inputs["tolerance"] = TOLERANCES
            given, errors = signatures[signature].read(tf.nest.map_structure(tf.constant, inputs))
            assert not any(errors.numpy())
            found[signature] = signatures[signature].answer(given)
        image = {"images": requests["encode"]["image"], "tolerance": TOLERANCES}
        if "context" in requests["encode"]:
            image["context"] = requests["encode"]["context"]
        assert_close(found["reconstruct"]["reconstruction"], model.reconstruct(**image))
        assert_close(list(found["encode"].values()), list(model.encode(**image)))


def test_an_export_answers_and_loads_with_its_calibration(exported, images):
    model = exported.model
    inputs = {"image": images[:4], "tolerance": TOLERANCES}
    answer = exported.answer("reconstruct", inputs)
    expected = model.reconstruct(images[:4], tolerance=TOLERANCES)
    assert_close(answer["reconstruction"], expected)
    loaded = zoo.load(exported.path)
    assert loaded.tolerance_range == model.tolerance_range
    assert loaded.objective.multipliers == model.objective.multipliers
    with uncompiled():
        assert_close(loaded.reconstruct(images[:4], tolerance=TOLERANCES), expected)


@pytest.mark.parametrize("bad", [0.0, np.nan, 0.29, 0.61, -1.0])
def test_a_tolerance_out_of_the_range_is_that_rows_error(exported, images, bad):
    tolerance = np.float32([0.3, bad])
    answer = exported.answer("reconstruct", {"image": images[:2], "tolerance": tolerance})
    good, error = answer["error"]
    assert good == b""
    assert error.startswith(b"VAE Zoo: `tolerance` must lie in this model's range, 0.3 to 0.6. ")
    assert np.isnan(answer["reconstruction"][1]).all()
    alone = exported.answer("reconstruct", {"image": images[:1], "tolerance": tolerance[:1]})
    assert_close(answer["reconstruction"][:1], alone["reconstruction"])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"range, 0.3 to 0.6"):
        exported.answer("reconstruct", {"image": images[:1], "tolerance": tolerance[1:]})


# === The client ===

_INPUTS = {"seed": TensorSpec("int32", (None, 2)), "tolerance": TensorSpec("float32", (None,))}
SAMPLE = ServedSignature(_INPUTS, {})


@pytest.mark.parametrize("tolerance", [0.4, [0.4, 0.5, 0.6]])
def test_the_client_sends_a_tolerance_a_row(tolerance):
    inputs = as_inputs("sample", SAMPLE, {"num": 3, "tolerance": tolerance})
    np.testing.assert_array_equal(inputs["tolerance"], np.broadcast_to(np.float32(tolerance), [3]))
    assert inputs["tolerance"].dtype == np.float32


@pytest.mark.parametrize(
    ("tolerance", "message"),
    [
        (None, "takes any tolerance of its range: pass tolerance=, a number or 3 of them.*None"),
        ([0.4, 0.5], "a number or 3 of them, one a row"),
        (np.nan, "tolerance must be finite"),
        (0.0, "tolerance must be above 0. Received values from 0"),
    ],
)
def test_the_client_says_what_is_no_tolerance(tolerance, message):
    with pytest.raises(InvalidInputError, match=message):
        as_inputs("sample", SAMPLE, {"num": 3, "tolerance": tolerance})


def test_the_client_of_a_model_of_one_tolerance_takes_none():
    single = ServedSignature({"seed": _INPUTS["seed"]}, {})
    with pytest.raises(InvalidInputError, match=r"one tolerance of its training.*tolerance=0.1"):
        as_inputs("sample", single, {"num": 3, "tolerance": 0.1})
