"""The model that most tests of the client call, and the double that serves it."""

import dataclasses

import keras
import pytest

import zoo
from tests.zoo.serving.double import Double
from zoo import serving

GREY_SHAPE = (4, 8, 1)
LOG_PROB_SAMPLES = 2


@dataclasses.dataclass(frozen=True)
class Exported:
    """A Keras model and the folder it was exported to."""

    model: keras.Model
    path: str


@pytest.fixture(scope="session")
def grey(tmp_path_factory):
    """A tiny model of grey images, which has every signature."""
    keras.utils.set_random_seed(0)
    model = zoo.ConvVAE(GREY_SHAPE, latent_dim=3, filters=(4,), hidden_units=8)
    path = str(tmp_path_factory.mktemp("served") / "grey" / "7")
    model.export(path, log_prob_samples=LOG_PROB_SAMPLES)
    return Exported(model, path)


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
