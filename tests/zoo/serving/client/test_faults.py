"""What the client does when a server is slow, busy, absent, or shared with odd requests.

A server cannot be told to fail, so all of this runs against the test double alone.
"""

import concurrent.futures
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests import contract
from tests.zoo.serving.client.conftest import GREY_SHAPE
from tests.zoo.serving.double import Double, Refusal
from zoo import serving

BUSY = Refusal("RESOURCE_EXHAUSTED", "all threads are busy")
GONE = Refusal("UNAVAILABLE", "restarting")
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


@pytest.mark.parametrize(
    "refusal", [BUSY, GONE, NEIGHBOUR, NEIGHBOURS_TYPE, NEIGHBOUR_WITHOUT_ROWS], ids=str
)
def test_what_may_pass_is_repeated(refusal, connect_to_double, double, grey):
    double.refusals.extend([refusal, refusal])
    before = double.num_requests
    contract.assert_close(connect_to_double().sample(2, seed=1), grey.model.sample(2, seed=1))
    assert double.num_requests == before + 3


@pytest.mark.parametrize(
    ("refusal", "error", "message"),
    [
        (
            BUSY,
            serving.OverloadedError,
            r"all threads are busy \(tried 3 times\).*grpc_max_threads",
        ),
        (GONE, serving.UnreachableError, r"restarting \(tried 3 times\).*address and port"),
    ],
)
def test_refusals_are_repeated_a_few_times(refusal, error, message, connect_to_double, double):
    double.refusals.extend([refusal] * 5)
    before = double.num_requests
    with pytest.raises(error, match=message):
        connect_to_double(max_retries=2).sample(1)
    assert double.num_requests == before + 3


def test_a_neighbours_fault_is_repeated_until_the_deadline(connect_to_double, double, grey):
    client = connect_to_double(max_retries=0)
    double.refusals.extend([NEIGHBOUR] * 10)
    contract.assert_close(client.sample(1, seed=1), grey.model.sample(1, seed=1))
    client = connect_to_double(max_retries=0, deadline=0.5)
    double.refusals.extend([NEIGHBOUR] * 1000)
    with pytest.raises(serving.ServingError, match="of other clients, were in the same batch"):
        client.sample(1)


def test_keeping_out_of_neighbours_batches_learns_the_largest(grey):
    with (
        Double({"grey": grey.path}, max_batch_size=4) as double,
        serving.Client(double.grpc_address, "grey") as client,
    ):
        double.refusals.extend([NEIGHBOUR] * 3)
        contract.assert_close(client.sample(3, seed=1), grey.model.sample(3, seed=1))
        # Three refusals, one of more rows than it takes, and the answer.
        assert double.num_requests == 5


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal("INVALID_ARGUMENT", "VAE Zoo: `seed` must be"), serving.InvalidInputError),
        (Refusal("INTERNAL", "out of memory"), serving.ServingError),
        (Refusal("FAILED_PRECONDITION", "something else"), serving.ServingError),
    ],
)
def test_what_would_fail_again_is_not_repeated(refusal, error, connect_to_double, double):
    double.refusals.append(refusal)
    before = double.num_requests
    with pytest.raises(error, match=refusal.message.removeprefix("VAE Zoo: ")):
        connect_to_double().sample(1)
    assert double.num_requests == before + 1


def test_deadlines_hold(connect_to_double, double):
    client = connect_to_double(deadline=0.4, max_batch_size=1)
    double.delay = 5.0
    start = time.monotonic()
    with pytest.raises(serving.DeadlineExceededError, match="longer deadline="):
        client.sample(3)
    with pytest.raises(TimeoutError):  # Python's own name for it.
        client.sample(1)
    assert time.monotonic() - start < 4.0
    # Nor is anything repeated when the time would be up.
    double.delay = 0.0
    double.refusals.extend([GONE] * 100)
    with pytest.raises(serving.UnreachableError):
        connect_to_double(deadline=0.3, max_retries=100).sample(1)


def test_parts_are_in_flight_together(double, grey):
    double.delay = 0.25
    with serving.Client(double.grpc_address, "grey", max_batch_size=2) as client:
        client.signatures()
        start = time.monotonic()
        contract.assert_close(client.sample(8, seed=2), grey.model.sample(8, seed=2))
        # One after the other they would take 4 delays at least; far from a measurement.
        assert time.monotonic() - start < 0.9


def test_absent_servers():
    for address in ("localhost:1", "http://localhost:1"):
        with serving.Client(address, "grey", deadline=0.3) as client:
            with pytest.raises(serving.UnreachableError, match="usually 8500 for gRPC"):
                client.sample(1)
            with pytest.raises(serving.DeadlineExceededError, match=r"0\.2 s. Last seen"):
                client.wait_until_available(0.2)


def test_waiting_for_a_model_that_loads(connect_to_double, double):
    client = connect_to_double()
    double.state = "LOADING"
    with pytest.raises(serving.ModelNotFoundError, match="wait_until_available"):
        client.sample(1)
    with pytest.raises(serving.DeadlineExceededError, match="version 7 is LOADING"):
        client.wait_until_available(0.8)
    timer = threading.Timer(0.3, setattr, (double, "state", "AVAILABLE"))
    timer.start()
    client.wait_until_available(20)
    assert client.sample(1).shape == (1, *GREY_SHAPE)
    timer.join()
    double.state, double.state_message = "END", "no such file"
    with pytest.raises(serving.ServingError, match=r"could not be loaded: .*no such file"):
        client.wait_until_available(20)


def test_a_closed_client_says_so(connect_to_double):
    client = connect_to_double(max_batch_size=1)
    client.sample(2)
    client.close()
    client.close()
    with pytest.raises(serving.ServingError, match="closed"):
        client.sample(2)


def test_a_server_with_content_in_bytes_and_no_batching(grey):
    with (
        Double({"grey": grey.path}, max_batch_size=None, answers_as="content") as double,
        serving.Client(double.grpc_address, "grey", max_batch_size=3) as client,
    ):
        sample = client.sample(5, seed=3)
    contract.assert_close(sample, grey.model.sample(5, seed=3))
    sample[:] = 0  # An answer may be written to.


def test_more_requests_than_threads(grey):
    with (
        Double({"grey": grey.path}, max_threads=2, batch_timeout=0.02) as double,
        serving.Client(double.grpc_address, "grey", max_retries=20) as client,
        concurrent.futures.ThreadPoolExecutor(8) as pool,
    ):
        samples = list(pool.map(lambda seed: client.sample(1, seed=seed), range(16)))
    expected = [grey.model.sample(1, seed=seed) for seed in range(16)]
    contract.assert_close(samples, expected)


def test_odd_neighbours_do_not_hurt(grey, images):
    """Beside someone who sends wrong sizes all the time, and shares batches with us."""
    with Double({"grey": grey.path}, batch_timeout=0.01) as double:
        is_over = threading.Event()
        odd = predict_pb2.PredictRequest()
        odd.model_spec.name, odd.model_spec.signature_name = "grey", "encode"
        odd.inputs["image"].CopyFrom(tf.make_tensor_proto(np.zeros([1, 5, 5, 1], np.float32)))
        answers = []

        def disturb():
            with grpc.insecure_channel(double.grpc_address) as channel:
                stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
                while not is_over.is_set():
                    try:
                        stub.Predict(odd, timeout=20)
                    except grpc.RpcError as error:
                        answers.append(error.details())

        with (
            serving.Client(double.grpc_address, "grey") as client,
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
