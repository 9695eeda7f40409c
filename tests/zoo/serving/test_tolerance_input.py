"""A model with a range of tolerances is served at any of them: a row has its own, and its error."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close
from tests.tiers import cover
from tests.zoo.serving import row_groupings
from zoo.base.compiled import uncompiled
from zoo.serving.client.errors import InvalidInputError
from zoo.serving.client.served_signature import ServedSignature, TensorSpec
from zoo.serving.client.signature_inputs import as_inputs
from zoo.serving.signatures import make_signatures

COVERING = ["ConvVAE_range", "ConvDRAW_conditional_range"]
TOLERANCES = np.float32([0.3, 0.35, 0.45, 0.6])


@pytest.mark.parametrize("name", cover(contract.RANGE_MODELS, COVERING))
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


@pytest.mark.thorough
def test_an_export_answers_and_loads_with_its_calibration(export_once, images):
    exported = export_once("ConvVAE_range", "GECO_range")
    model, inputs = exported.model, {"image": images[:4], "tolerance": TOLERANCES}
    answer = exported.answer("reconstruct", inputs)
    expected = model.reconstruct(images[:4], tolerance=TOLERANCES)
    assert_close(answer["reconstruction"], expected)
    loaded = zoo.load(exported.path)
    assert loaded.tolerance_range == model.tolerance_range
    assert loaded.objective.multipliers == model.objective.multipliers
    with uncompiled():
        assert_close(loaded.reconstruct(images[:4], tolerance=TOLERANCES), expected)
    faulty = inputs | {"tolerance": np.float32([0.3, 0.61, 0.45, 0.6])}
    of_others = exported.answer("reconstruct", faulty)["reconstruction"]
    assert np.isnan(of_others[1]).all()
    assert_close(of_others[2:], answer["reconstruction"][2:])


@pytest.fixture(scope="module")
def reconstruct():
    return make_signatures(contract.make_model("ConvVAE_range"))["reconstruct"]


@pytest.mark.parametrize("bad", [0.0, np.nan, 0.29, 0.61, -1.0])
def test_a_tolerance_out_of_the_range_is_that_rows_error(reconstruct, images, bad):
    inputs = {"image": images[:2], "tolerance": np.float32([0.3, bad])}
    with uncompiled():
        _, errors = reconstruct.read(tf.nest.map_structure(tf.constant, inputs))
    good, error = errors.numpy()
    assert good == b""
    assert error.startswith(b"VAE Zoo: `tolerance` must lie in this model's range, 0.3 to 0.6. ")


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
