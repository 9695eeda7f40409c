"""The model that most tests of the client call, and the double that serves it."""

import pytest

from tests.zoo.serving.conftest import GREY_LOG_PROB_SAMPLES as LOG_PROB_SAMPLES
from tests.zoo.serving.conftest import GREY_SHAPE
from tests.zoo.serving.double import Double
from zoo import serving

__all__ = ["GREY_SHAPE", "LOG_PROB_SAMPLES"]


@pytest.fixture(scope="module")
def shared_double(grey):
    with Double({"grey": grey.path}, labels={"stable": 7}) as double:
        yield double


@pytest.fixture
def double(shared_double):
    """The double that serves it; the faults that a test tells it to show end with the test."""
    yield shared_double
    shared_double.refusals.clear()
    shared_double.delay, shared_double.state, shared_double.state_message = 0.0, "AVAILABLE", ""
    shared_double.gate = None
    shared_double.labels, shared_double.rest_timeout = {"stable": 7}, 30.0


@pytest.fixture(params=["grpc", "rest"])
def connect_to_double(request, double):
    """Makes a client of the double, over gRPC and over REST, and closes it at the end."""
    clients = []
    address = double.grpc_address if request.param == "grpc" else double.rest_address

    def make(**options):
        clients.append(serving.Client(address, "grey", **({"deadline": 20} | options)))
        clients[-1].signatures()
        return clients[-1]

    yield make
    for client in clients:
        client.close()
