"""The test double groups requests and reads JSON as a real server was seen to do."""

import concurrent.futures
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from tests.zoo.serving.double import Refusal, json_tensors
from tests.zoo.serving.double.batcher import Batcher
from tests.zoo.serving.double.served_model import ServedModel

INFOS = {
    "seed": meta_graph_pb2.TensorInfo(dtype=tf.int32.as_datatype_enum),
    "temperature": meta_graph_pb2.TensorInfo(dtype=tf.float32.as_datatype_enum),
}


@pytest.fixture
def batcher():
    """A batcher of a model that doubles, and the sizes that it ran."""
    sizes = []

    def run(inputs):
        sizes.append(len(inputs["x"]))
        return {"y": 2 * inputs["x"]}

    batcher = Batcher(run, max_batch_size=8, allowed_batch_sizes=[1, 2, 4, 8], batch_timeout=0.3)
    yield batcher, sizes
    batcher.close()


def test_requests_share_a_padded_batch(batcher):
    batcher, sizes = batcher
    requests = [np.full([2, 3], 1.0), np.full([3, 3], 5.0)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda x: batcher.ask({"x": x}, 10)["y"], requests))
    for answer, request in zip(answers, requests, strict=True):
        np.testing.assert_array_equal(answer, 2 * request)
    assert [sorted(batch) for batch in batcher.batches] == [[2, 3]]
    assert sizes == [8]


def test_one_odd_request_fails_all_in_its_batch(batcher):
    batcher, _ = batcher
    for odd, message in [
        (np.ones([1, 4]), "padding is turned off"),
        (np.ones([1, 3], np.float32), "Tensor concat operation failed"),
    ]:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            jobs = [pool.submit(batcher.ask, {"x": x}, 10) for x in (np.ones([1, 3]), odd)]
        for job in jobs:
            with pytest.raises(Refusal, match=message):
                job.result()


def test_what_is_refused_before_it_is_queued(batcher):
    batcher, _ = batcher
    for inputs, message in [
        ({"x": np.ones([9, 3])}, "Task size 9 is larger than maximum input batch size 8"),
        ({"x": np.ones([])}, "at least one dimension"),
        ({"x": np.ones([2]), "z": np.ones([3])}, "equal 0th-dimension size"),
    ]:
        with pytest.raises(Refusal, match=message):
            batcher.ask(inputs, 10)


def test_no_rows_wait_for_others_past_their_deadline(batcher):
    batcher, _ = batcher
    with concurrent.futures.ThreadPoolExecutor() as pool:
        nothing = pool.submit(batcher.ask, {"x": np.ones([0, 3])}, 0.01)
        with pytest.raises(TimeoutError):
            nothing.result(0.1)
        batcher.ask({"x": np.ones([1, 3])}, 10)
        assert nothing.result()["y"].shape == (0, 3)


def test_a_batch_of_those_whose_time_is_up_is_not_run(batcher):
    batcher, sizes = batcher
    with pytest.raises(Refusal, match=r"EXHAUSTED: Run\(\) timeout exceeded while waiting"):
        batcher.ask({"x": np.ones([1, 3])}, 0.01)
    assert not sizes


def test_a_warm_up_larger_than_a_batch_does_not_load(small_export):
    batching = {"max_batch_size": 1, "allowed_batch_sizes": [1], "batch_timeout": 0.0}
    with pytest.raises(Refusal, match="Task size 2 is larger than maximum input batch size 1"):
        ServedModel(str(small_export.path), batching)


def test_types_are_checked_as_a_session_does(small_export):
    model = ServedModel(str(small_export.path), None)
    inputs = {"seed": np.zeros([1, 2], np.int32), "temperature": np.ones([1])}
    with pytest.raises(Refusal, match=r"Expects arg\[1\] to be float but double is provided"):
        model.answer("sample", inputs, 10)
    model.close()


def test_rows_and_columns_of_json():
    columns = {"inputs": {"seed": [[1, 2], [3, 4]], "temperature": [1, 0.5]}}
    rows = {
        "instances": [
            {"seed": [1, 2], "temperature": 1},
            {"seed": [3, 4], "temperature": 0.5},
        ]
    }
    for request, is_columns in [(columns, True), (rows, False)]:
        inputs, found = json_tensors.read(json_tensors.parse(json.dumps(request)), INFOS)
        assert found == is_columns
        np.testing.assert_array_equal(inputs["seed"], [[1, 2], [3, 4]])
        assert inputs["seed"].dtype == np.int32
        np.testing.assert_array_equal(inputs["temperature"], np.float32([1, 0.5]))


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ([[0.5, 1]], "not of expected type: int32"),
        ([[2**31, 1]], "not of expected type: int32"),
        ([[1, 2], [3]], "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ([[1, [2]]], "Encountered list at unexpected level: 2"),
        ([[1, "2"]], "not of expected type: int32"),
        ([], r"\[\] has no values"),
    ],
)
def test_json_that_is_refused(seed, message):
    request = {"inputs": {"seed": seed, "temperature": [1.0]}}
    with pytest.raises(Refusal, match=message):
        json_tensors.read(request, INFOS)


def test_one_output_goes_without_its_name():
    values = np.float32([0.5])
    assert json_tensors.write({"y": values}, True) == {"outputs": [0.5]}
    assert json_tensors.write({"y": values}, False) == {"predictions": [0.5]}
    both = {"y": values, "png_bytes": np.array([b"\xff"], object)}
    assert json_tensors.write(both, True) == {
        "outputs": {"y": [0.5], "png_bytes": [{"b64": "/w=="}]}
    }
    assert json_tensors.write(both, False) == {
        "predictions": [{"y": 0.5, "png_bytes": {"b64": "/w=="}}]
    }
