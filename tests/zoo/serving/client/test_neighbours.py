"""What the client does when other clients' odd requests are in the same batches as its own."""

import concurrent.futures
import threading

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests import contract
from tests.zoo.serving.client.conftest import GREY_SHAPE
from tests.zoo.serving.double import Double, Refusal
from tests.zoo.serving.real_server import start_real_server
from zoo import serving

NEIGHBOUR = Refusal(
    "FAILED_PRECONDITION",
    "Tensors with name 'image:0' from different tasks have different shapes and padding is turned "
    "off. Set pad_variable_length_inputs to true",
)
NEIGHBOUR_WITHOUT_ROWS = Refusal(
    "FAILED_PRECONDITION",
    "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes",
)
NEIGHBOURS_TYPE = Refusal("INTERNAL", "Tensor concat operation failed: INVALID_ARGUMENT: types")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((4, *GREY_SHAPE), np.float32)


@pytest.mark.parametrize("refusal", [NEIGHBOUR, NEIGHBOURS_TYPE, NEIGHBOUR_WITHOUT_ROWS], ids=str)
def test_a_neighbours_fault_is_repeated(refusal, connect_to_double, double, grey):
    double.refusals.extend([refusal, refusal])
    before = double.num_requests
    contract.assert_close(connect_to_double().sample(2, seed=1), grey.model.sample(2, seed=1))
    assert double.num_requests == before + 3


def test_it_is_repeated_until_the_deadline(connect_to_double, double, grey):
    client = connect_to_double(max_retries=0)
    double.refusals.extend([NEIGHBOUR] * 10)
    contract.assert_close(client.sample(1, seed=1), grey.model.sample(1, seed=1))
    client = connect_to_double(max_retries=0, deadline=0.5)
    double.refusals.extend([NEIGHBOUR] * 1000)
    with pytest.raises(serving.ServingError, match="of other clients, were in the same batch"):
        client.sample(1)


def test_a_fault_that_may_be_the_models_ends(connect_to_double, double):
    double.refusals.extend([NEIGHBOUR_WITHOUT_ROWS] * 100)
    before = double.num_requests
    with pytest.raises(serving.ServingError, match=r"without any rows.*or the model gives"):
        connect_to_double().sample(1)
    # Two among others, three of as many rows as the server takes.
    assert double.num_requests == before + 5


def test_keeping_out_of_neighbours_batches_learns_the_largest(grey):
    with (
        Double({"grey": grey.path}, max_batch_size=4) as double,
        serving.Client(double.grpc_address, "grey") as client,
    ):
        double.refusals.extend([NEIGHBOUR] * 3)
        contract.assert_close(client.sample(3, seed=1), grey.model.sample(3, seed=1))
        # Three refusals, one of more rows than it takes, and the answer.
        assert double.num_requests == 5


@pytest.fixture(params=["double", "real"])
def server(request, grey, tmp_path):
    """A server that waits for neighbours, which both kinds of servers put into one batch."""
    models = {"grey": grey.path}
    if request.param == "double":
        with Double(models, batch_timeout=0.01) as double:
            yield double
    else:
        with start_real_server(models, tmp_path, timeout_micros=10_000) as real:
            yield real


def test_odd_neighbours_do_not_hurt(server, grey, images):
    """Beside someone who sends wrong sizes all the time, and shares batches with us."""
    is_over = threading.Event()
    odd = predict_pb2.PredictRequest()
    odd.model_spec.name, odd.model_spec.signature_name = "grey", "encode"
    odd.inputs["image"].CopyFrom(tf.make_tensor_proto(np.zeros([1, 5, 5, 1], np.float32)))
    answers = []

    def disturb():
        with grpc.insecure_channel(server.grpc_address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not is_over.is_set():
                try:
                    stub.Predict(odd, timeout=20)
                except grpc.RpcError as error:
                    answers.append(error.details())

    with (
        serving.Client(server.grpc_address, "grey") as client,
        concurrent.futures.ThreadPoolExecutor(2) as pool,
    ):
        disturbance = pool.submit(disturb)
        expected = grey.model.encode(images)
        for _ in range(10):
            contract.assert_close(client.encode(images), expected)
        is_over.set()
        disturbance.result()
    # Else nothing was tried here.
    assert any("padding is turned off" in answer for answer in answers)
