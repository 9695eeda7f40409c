"""What a real server was seen to do that surprises, and what the client makes of it."""

import concurrent.futures
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.zoo.serving.client.conftest import GREY_SHAPE
from tests.zoo.serving.double import Double, Refusal
from zoo import serving
from zoo.serving.client import availability


@pytest.fixture(params=["grpc", "rest"])
def address(request, double):
    return double.grpc_address if request.param == "grpc" else double.rest_address


@pytest.fixture
def one_look(monkeypatch):
    """Who waits looks once, and does not wait for another look, which comes too late."""
    monkeypatch.setattr(availability, "_POLL_SECONDS", 60.0)


def test_a_label_that_is_not_there_is_waited_for(address, one_look):
    """A model's status, which says nothing of labels, is not believed."""
    with (
        serving.Client(address, "grey", label="no-such-label") as client,
        pytest.raises(
            serving.DeadlineExceededError,
            match="Unrecognized servable version label: no-such-label; version 7 is AVAILABLE",
        ),
    ):
        client.wait_until_available(2)


def test_a_label_that_comes_is_seen(address, double):
    timer = threading.Timer(0.1, double.labels.update, [{"canary": 7}])
    with serving.Client(address, "grey", label="canary") as client:
        timer.start()
        client.wait_until_available(60)
        assert client.sample(1).shape == (1, *GREY_SHAPE)
    timer.join()


def test_a_label_of_a_version_that_is_not_loaded_is_not_found(address, double, one_look):
    double.labels["next"] = 8
    with serving.Client(address, "grey", label="next") as client:
        with pytest.raises(serving.ModelNotFoundError, match=r"label.*wait_until_available"):
            client.sample(1)
        with pytest.raises(serving.DeadlineExceededError, match="Servable not found"):
            client.wait_until_available(2)


def test_rests_own_limit_is_named(double):
    double.delay, double.rest_timeout = 0.2, 0.1
    with (
        serving.Client(double.rest_address, "grey") as client,
        pytest.raises(serving.DeadlineExceededError, match=r"cannot help.*rest_api_timeout_in_ms"),
    ):
        client.sample(1)
    with serving.Client(double.grpc_address, "grey") as client:
        assert client.sample(1).shape == (1, *GREY_SHAPE), "gRPC has no such limit"
    with serving.Client(double.rest_address, "grey", deadline=0.05) as client:
        double.rest_timeout = 30.0
        with pytest.raises(serving.DeadlineExceededError, match="pass a longer deadline="):
            client.sample(1)


def test_a_restart_outlasts_the_default_but_not_many_repetitions(address, double, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    for options, is_survived in [({}, False), ({"max_retries": 100, "deadline": 300}, True)]:
        with serving.Client(address, "grey", **options) as client:
            client.signatures()
            double.refusals.extend([Refusal("UNAVAILABLE", "restarting")] * 8)
            if is_survived:
                assert client.sample(1).shape == (1, *GREY_SHAPE)
            else:
                with pytest.raises(serving.UnreachableError, match="tried 7 times"):
                    client.sample(1)
                double.refusals.clear()


def test_requests_of_no_rows_hold_threads_until_one_with_rows_comes(grey):
    """So the client sends none."""
    nothing = predict_pb2.PredictRequest()
    nothing.model_spec.name, nothing.model_spec.signature_name = "grey", "encode"
    nothing.inputs["image"].CopyFrom(tf.make_tensor_proto(np.zeros([0, *GREY_SHAPE], np.float32)))
    images = np.zeros([1, *GREY_SHAPE], np.float32)
    with (
        Double({"grey": grey.path}, max_threads=2) as double,
        grpc.insecure_channel(double.grpc_address) as channel,
        serving.Client(double.grpc_address, "grey", max_retries=0) as by_grpc,
        serving.Client(double.rest_address, "grey") as by_rest,
        concurrent.futures.ThreadPoolExecutor(2) as pool,
    ):
        by_grpc.signatures()
        assert by_grpc.encode(images[:0])[0].shape == (0, 3), "answered without a request"
        predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        for job in [pool.submit(predict, nothing, timeout=0.2) for _ in range(2)]:
            assert job.exception().code() is grpc.StatusCode.DEADLINE_EXCEEDED
        with pytest.raises(serving.OverloadedError):
            by_grpc.encode(images)
        by_rest.encode(images)
        while True:  # The threads are free soon.
            try:
                assert len(by_grpc.encode(images)[0]) == 1
                return
            except serving.OverloadedError:
                pass
