"""An exported model answers as the Keras model does, row by row, and refuses bad input."""

import numpy as np
import pytest
import tensorflow as tf

from tests import contract
from tests.zoo.serving.conftest import LOG_PROB_SAMPLES
from zoo.serving.signatures import make_signatures


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
        sides = (function.structured_input_signature[1], function.structured_outputs)
        found[name] = tuple(
            {key: (tuple(spec.shape), spec.dtype.name) for key, spec in side.items()}
            for side in sides
        )
    assert found == expected


def test_answers_are_those_of_the_keras_model(exported, requests_of, images):
    requests = requests_of(exported)
    answers = {name: exported.answer(name, inputs) for name, inputs in requests.items()}
    model = exported.model
    groups = tuple(tf.constant(group) for group in requests["decode"].values())
    temperature = requests["sample"]["temperature"]
    expected = {
        "serving_default": {"reconstruction": model.predict(images, verbose=0)},
        "reconstruct": {"reconstruction": model.reconstruct(images)},
        "encode": {f"latents_{i}": group for i, group in enumerate(model.encode(images))},
        "decode": {"image": model.decode(groups).mean()},
        "sample": {"image": model.sample(len(images), seed=11, temperature=temperature)},
        "log_prob": {"log_prob": model.log_prob(images, LOG_PROB_SAMPLES, seed=11)},
    }
    assert {k: set(v) for k, v in answers.items()} == {k: set(v) for k, v in expected.items()}
    for name, outputs in expected.items():
        for key, values in outputs.items():
            contract.assert_close(answers[name][key], values)
    # A signature that ignored its inputs would pass on equal rows.
    assert np.ptp(answers["log_prob"]["log_prob"]) > 0
    assert np.ptp(answers["sample"]["image"], axis=0).max() > 0


def test_a_row_depends_on_its_own_inputs_only(exported, requests_of):
    requests = requests_of(exported)
    # As a batching server groups rows: alone, in another order, padded by copies of a row.
    groups = [[2], [5, 0, 3], [1, 6, 1, 1], [4, 7, 4, 4, 4, 4, 4, 4]]
    for name, inputs in requests.items():
        together = exported.answer(name, inputs)
        for rows in groups:
            answer = exported.answer(name, {key: values[rows] for key, values in inputs.items()})
            for key, values in answer.items():
                contract.assert_close(values, together[key][rows])


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
    "bytes": ("encode", {"image": np.full([1, 4, 8, 2], 255)}, r"`image`.*\[0, 1\].*255"),
    "NaN": ("encode", {"image": np.full([1, 4, 8, 2], np.nan)}, r"`image`.*NaN:\] \[64\]"),
    "log_prob image": (
        "log_prob",
        {"image": np.full([1, 4, 8, 2], -1.0), "seed": np.zeros([1, 2])},
        r"`image`.*\[0, 1\].*-1",
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
        {"seed": np.zeros([2, 2]), "temperature": np.array([1.0, -0.5])},
        r"`temperature`.*at least 0.*-0.5",
    ),
    "infinite temperature": (
        "sample",
        {"seed": np.zeros([1, 2]), "temperature": np.array([np.inf])},
        r"`temperature`.*finite.*inf",
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
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"`{last}` must be finite.*NaN"):
        exported.answer("decode", groups | {last: groups[last] * np.nan})
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"`{last}` must have shape"):
        exported.answer("decode", groups | {last: groups[last][..., :1]})


@pytest.mark.parametrize("number", [0, -1, 2.0])
def test_number_of_samples_is_checked(number):
    with pytest.raises(ValueError, match=rf"log_prob_samples.*at least 1.*{number}"):
        make_signatures(contract.make_model(contract.SMALLEST), log_prob_samples=number)
