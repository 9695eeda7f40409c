"""Hidden pixels filled in by a served model that takes masks."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo import serving
from zoo.serving.client import arguments
from zoo.serving.client.served_signature import ServedSignature, TensorSpec
from zoo.serving.client.signature_inputs import as_inputs
from zoo.serving.signatures import make_signatures


@pytest.fixture(scope="module")
def model():
    return contract.make_model("ShortRunModel")


def test_rows_are_those_of_the_keras_model_and_faulty_ones_alone_fail(model, images):
    mask = np.zeros([3, *contract.IMAGE_SHAPE[:2]], np.float32)
    mask[[0, 2], 1:] = 1.0  # In the second nothing is seen.
    seeds = zoo.random.row_seeds(4, 3)
    fill_in = make_signatures(model)["fill_in"].as_function()
    answer = fill_in(image=tf.constant(images[:3]), mask=tf.constant(mask), seed=seeds)
    mask[1] = 1.0
    expected = model.reconstruct(images[:3], seed=4, mask=mask).numpy()
    contract.assert_close(answer["reconstruction"][0], expected[0])
    contract.assert_close(answer["reconstruction"][2], expected[2])
    assert np.isnan(answer["reconstruction"][1]).all()
    assert [bool(error) for error in answer["error"].numpy()] == [False, True, False]
    assert b"`mask` must be 1 at a pixel that is seen" in answer["error"].numpy()[1]


def test_models_without_masks_have_no_such_signature():
    assert "fill_in" not in make_signatures(contract.make_model(contract.SMALLEST))


def test_the_client_sends_one_mask_an_image():
    specs = {"image": (4, 4, 1), "mask": (4, 4), "seed": (2,)}
    signature = ServedSignature(
        {name: TensorSpec("float32", (None, *shape)) for name, shape in specs.items()}, {}
    )
    mask = np.arange(4)[:, None] < 2 * np.ones(4)
    sent = as_inputs("fill_in", signature, {"image": np.zeros([2, 4, 4, 1]), "mask": mask})
    np.testing.assert_array_equal(sent["mask"], np.float32([mask, mask]))
    np.testing.assert_array_equal(sent["seed"], [[0, 0], [0, 1]])


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones([4, 5]), r"mask must be \[height, width\], \[4, 4\] here.*shape \(4, 5\)"),
        (np.ones([3, 4, 4]), r"one an image.*shape \(3, 4, 4\)"),
        (np.zeros([4, 4]), "mask hides every pixel"),
    ],
)
def test_masks_that_do_not_fit_are_not_sent(mask, message):
    with pytest.raises(serving.InvalidInputError, match=message):
        arguments.as_masks(mask, (4, 4), 2)
