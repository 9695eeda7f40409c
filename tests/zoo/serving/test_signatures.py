"""An exported model answers as the Keras model does, row by row, and refuses bad input."""

import re

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo.serving import encoded_images, input_checks
from zoo.serving.signatures import (
    make_classifier_signatures,
    make_sampler_signatures,
    make_signatures,
)


def test_names_types_and_shapes(exported):
    signatures = tf.saved_model.load(str(exported.path)).signatures
    model = exported.model
    latents = [tuple(group.shape[1:]) for group in model.sample_prior(1, seed=0)]
    groups = {f"latents_{i}": ((None, *shape), "float32") for i, shape in enumerate(latents)}
    images = ((None, *contract.IMAGE_SHAPE), "float32")
    seed, row = ((None, 2), "int32"), ((None,), "float32")
    expected = {
        "serving_default": ({"image": images}, {"reconstruction": images}),
        "reconstruct": ({"image": images}, {"reconstruction": images}),
        "encode": ({"image": images}, groups),
        "decode": (groups, {"image": images}),
        "sample": ({"seed": seed, "temperature": row}, {"image": images}),
        "log_prob": ({"image": images, "seed": seed}, {"log_prob": row}),
    }
    found = {}
    for name, function in signatures.items():
        sides = [function.structured_input_signature[1], dict(function.structured_outputs)]
        error = sides[1].pop("error")
        assert (tuple(error.shape), error.dtype.name) == ((None,), "string")
        found[name] = tuple(
            {key: (tuple(spec.shape), spec.dtype.name) for key, spec in side.items()}
            for side in sides
        )
    assert found == expected


BAD_INPUTS = {
    "width": (
        "reconstruct",
        {"image": np.zeros([2, 4, 9, 2])},
        r"`image`.*\[N, 4, 8, 2\].*4 9 2",
    ),
    "rank": ("encode", {"image": np.zeros([4, 8, 2])}, r"`image`.*\[N, 4, 8, 2\].*\[4 8 2\]"),
    "swapped sizes": ("reconstruct", {"image": np.zeros([2, 8, 4, 2])}, r"`image`.*2 8 4 2"),
    "a rank more": ("reconstruct", {"image": np.zeros([2, 4, 8, 2, 1])}, r"`image`.*4 8 2 1"),
    "scalar": ("reconstruct", {"image": np.zeros([])}, r"`image`.*Received shape"),
    "no rows": ("reconstruct", {"image": np.zeros([0, 4, 8, 2])}, r"N at least 1.*\[0 4 8 2\]"),
    "bytes": (
        "encode",
        {"image": np.full([1, 4, 8, 2], 255)},
        r"`image`.*\[0, 1\].*by 255. Received values from 255 to 255",
    ),
    "NaN": (
        "encode",
        {"image": np.full([1, 4, 8, 2], np.nan)},
        r"`image`.*Received values that are all NaN",
    ),
    "log_prob image": (
        "log_prob",
        {"image": np.full([1, 4, 8, 2], -1.0), "seed": np.zeros([1, 2])},
        r"VAE Zoo: `image`.*\[0, 1\].*from -1 to -1",
    ),
    "seed": (
        "sample",
        {"seed": np.zeros([2, 3]), "temperature": np.ones(2)},
        r"`seed`.*\[N, 2\].*\[2 3\]",
    ),
    "temperature shape": (
        "sample",
        {"seed": np.zeros([2, 2]), "temperature": np.ones([2, 1])},
        r"`temperature`.*\[N\].*\[2 1\]",
    ),
    "negative temperature": (
        "sample",
        {"seed": np.zeros([2, 2]), "temperature": np.array([-0.5, np.nan])},
        r"`temperature`.*at least 0. Received values from -0.5 to -0.5.*that are all NaN",
    ),
    "infinite temperature": (
        "sample",
        {"seed": np.zeros([1, 2]), "temperature": np.array([np.inf])},
        r"`temperature`.*finite.*from inf to inf",
    ),
    "rows": (
        "log_prob",
        {"image": np.zeros([3, 4, 8, 2]), "seed": np.zeros([2, 2])},
        r"equally many rows.*(\[3 2\]|\[2 3\])",
    ),
}


@pytest.mark.parametrize(("name", "inputs", "message"), BAD_INPUTS.values(), ids=list(BAD_INPUTS))
def test_bad_input_is_refused_by_name(small_export, name, inputs, message):
    inputs = {
        key: values.astype(np.int32 if key == "seed" else np.float32)
        for key, values in inputs.items()
    }
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        small_export.answer(name, inputs)


def test_bad_latents_are_refused_by_name(exported, requests_of):
    groups = requests_of(exported)["decode"]
    last = f"latents_{len(groups) - 1}"
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"`{last}` must be finite.*all NaN"):
        exported.answer("decode", groups | {last: groups[last] * np.nan})
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"`{last}` must have shape"):
        exported.answer("decode", groups | {last: groups[last][..., :1]})


FAULTS = {
    "image": (1.5, r"`image` must lie in \[0, 1\].* Received values from 0\.\d+ to 1.5$"),
    "image NaN": (np.nan, r"`image` must .* from 0\.\d+ to 0\.\d+ and 1 NaN$"),
    "latents_0": (np.inf, r"`latents_0` must be finite. Received values from \S+ to inf$"),
    "temperature": (-2.0, r"`temperature` must be finite and at least 0. .* from -2 to -2$"),
}


@pytest.mark.parametrize(("fault", "value", "message"), [(k, *v) for k, v in FAULTS.items()])
def test_a_faulty_row_leaves_the_others_alone(exported, requests_of, fault, value, message):
    """As in a batch of several clients' requests, of which one is faulty."""
    is_tried = False
    for name, inputs in requests_of(exported).items():
        key = fault.split()[0]
        if key not in inputs:
            continue
        expected = exported.answer(name, inputs)
        damaged = inputs[key].copy()
        damaged[2].flat[-1] = value
        if key == "temperature":
            damaged[2] = value
        answer = exported.answer(name, inputs | {key: damaged})
        errors = [error.decode() for error in answer.pop("error")]
        assert re.match(f"VAE Zoo: {message}", errors.pop(2))
        assert errors == [""] * len(errors)
        others = np.arange(len(damaged)) != 2
        for output, values in answer.items():
            assert np.isnan(values[2]).all()
            contract.assert_close(values[others], expected[output][others])
        is_tried = True
    assert is_tried


def test_numbers_too_large_for_a_finite_answer_are_faulty(exported, requests_of):
    requests = requests_of(exported)
    for signature, key in (("decode", "latents_0"), ("sample", "temperature")):
        inputs = {name: values.copy() for name, values in requests[signature].items()}
        inputs[key][2] = 3e38
        answer = exported.answer(signature, inputs)
        image = answer["image"]
        # Some models bend or bound what is large: then there is an answer, and no error.
        is_finite = np.isfinite(image).all(axis=(1, 2, 3))
        assert (answer["error"] == b"").tolist() == is_finite.tolist()
        assert is_finite[np.arange(len(image)) != 2].all()
        if not is_finite[2]:
            assert f"`{key}`".encode() in answer["error"][2]
            assert answer["error"][2].startswith(b"VAE Zoo: the answer is not finite: values of")


def test_an_image_that_is_not_finite_is_no_picture():
    images = tf.constant([[[[0.5]]], [[[np.nan]]], [[[np.inf]]]], tf.float32)
    encoded = encoded_images.encode(images).numpy()
    assert encoded[0].startswith(b"\x89PNG")
    assert encoded[1:].tolist() == [b"", b""]


def test_a_log_probability_may_be_minus_infinity_and_nothing_else():
    values = tf.constant([-np.inf, np.inf, np.nan, -3.0])
    errors = input_checks.check_answers({"log_prob": values}, ["image"]).numpy()
    assert [bool(error) for error in errors] == [False, True, True, False]
    errors = input_checks.check_answers({"latents_0": values[:, None]}, ["image"]).numpy()
    assert [bool(error) for error in errors] == [True, True, True, False]


def test_each_faulty_row_has_its_own_message(small_export, requests_of):
    inputs = requests_of(small_export)["sample"]
    inputs["temperature"][:] = [-1, 1, 1, np.nan, 1, 1, 1, 1]
    errors = small_export.answer("sample", inputs)["error"]
    assert [bool(error) for error in errors] == [True, False, False, True, *[False] * 4]
    assert errors[0].endswith(b"from -1 to -1")
    assert errors[3].endswith(b"all NaN")


@pytest.mark.thorough
def test_of_two_faulty_inputs_the_first_is_named(export_once, requests_of):
    exported = export_once("ConvDRAW", "ELBO")
    inputs = requests_of(exported)["decode"]
    for name in ("latents_0", "latents_1"):
        inputs[name][0] = np.nan
    assert b"`latents_0`" in exported.answer("decode", inputs)["error"][0]


def test_classifiers_and_samplers_leave_other_rows_alone():
    classifier = zoo.ConvClassifier((8, 8, 1), 2, filters=(2, 2))
    image = np.zeros([3, 8, 8, 1], np.float32)
    image[1, 0, 0, 0] = 2.0
    for name, signature in make_classifier_signatures(classifier).items():
        answer = signature.as_function()(image=tf.constant(image))
        (values,) = (answer[key] for key in answer if key != "error")
        assert np.isnan(values).all(axis=1).tolist() == [False, True, False], name
        assert b"`image` must lie in [0, 1]" in answer["error"].numpy()[1]
    sampler = zoo.InfusionModel((4, 4, 1), num_steps=1, filters=(2,), hidden_units=3)
    for name, signature in make_sampler_signatures(sampler).items():
        given = {"seed": tf.zeros([2, 2], tf.int32), "temperature": tf.constant([-1.0, 1.0])}
        answer = signature.as_function()(**given)
        assert [bool(error) for error in answer["error"].numpy()] == [True, False], name
        values = answer["image_bytes" if name == "sample_encoded" else "image"].numpy()
        assert values[0] == b"" if values.dtype == object else np.isnan(values[0]).all()
        assert values[1] != b"" if values.dtype == object else np.isfinite(values[1]).all()


@pytest.mark.parametrize("number", [0, -1, 2.0])
def test_number_of_samples_is_checked(number):
    with pytest.raises(ValueError, match=rf"log_prob_samples.*at least 1.*{number}"):
        make_signatures(contract.make_model(contract.SMALLEST), log_prob_samples=number)
