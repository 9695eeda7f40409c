"""`vae-zoo explore`: what is refused before the page is there, and a served model's page."""

import socket

import numpy as np
import pytest

from tests.training.explore.models import RANGE, any_tolerance_model, any_tolerance_recipe
from training.command_line import cli
from training.explore import web_server
from training.explore.served_model import ServedModel
from training.explore.tabs import interpolate, reconstruct, sample
from zoo.errors import UsageError
from zoo.serving import ServingError
from zoo.serving.client.served_signature import ServedSignature, TensorSpec


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(web_server.importlib.util, "find_spec", lambda name: name)


def refused(capsys, *arguments):
    code = cli.main(["explore", *arguments])
    message = capsys.readouterr().err
    assert message.count("\n") == 1, "one line"
    return code, message


def test_a_port_in_use(installed, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, message = refused(capsys, "--port", port)
    assert code == 1
    assert f"Port {port} cannot be used" in message
    assert "--port" in message


def test_gradio_that_is_not_installed(monkeypatch, capsys):
    monkeypatch.setattr(web_server.importlib.util, "find_spec", lambda name: None)
    code, message = refused(capsys)
    assert code == 1
    assert "vae-zoo[app]" in message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["conv_draw_mnst"], "conv_draw_mnist"),
        (["conv_draw_mnist", "conv_draw_mnist"], "Give each model once"),
        (["--server", "localhost:8500"], "Say which of the server's models"),
    ],
)
def test_what_is_wrong_in_itself(installed, arguments, said, capsys):
    code, message = refused(capsys, *arguments)
    assert code == 2
    assert said in message


def test_a_server_that_is_not_there(installed, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr("training.command_line.explore._SECONDS", 0.5)
    code, message = refused(capsys, "faces", "--server", address, "--port", "1")
    assert code == 1
    assert address in message


class Client:
    """Answers as a served model does, which takes no default tolerance."""

    def __init__(self, model):
        self._model = model

    def signatures(self):
        image, inputs = TensorSpec("float32", (None, 8, 8, 1)), {"tolerance": None}
        names = ("sample", "reconstruct", "encode", "decode", "log_prob")
        return {name: ServedSignature(inputs, {"image": image}) for name in names}

    def __getattr__(self, name):
        def answer(*arguments, tolerance, **given):
            if tolerance > RANGE[1]:
                raise ServingError("Row 0: the tolerance is out of range.")
            made = getattr(self._model, name)(*arguments, tolerance=tolerance, **given)
            made = made.mean() if name == "decode" else made
            return tuple(map(np.asarray, made)) if name == "encode" else np.asarray(made)

        return answer


def test_a_served_model_shows_what_the_same_local_model_does(uncompiled):
    local, recipe = any_tolerance_model(), any_tolerance_recipe()
    served = ServedModel("any", Client(local._model), recipe)
    assert (served.tolerances.least, served.tolerances.most) == RANGE
    assert not served.has_codec
    chosen = {"image": local.examples.images[0], "context": None}
    images = local.examples.images[:1]
    made = served.reconstruct(images, None, 0.2).images
    wanted = np.asarray(local._model.reconstruct(images, tolerance=0.2))
    np.testing.assert_array_equal(made, wanted)
    bound = -float(local._model.log_prob(images, tolerance=0.2)[0])
    assert f"-log p(x) at most {bound:.1f} nats" in reconstruct.show(served, chosen, 0.2)
    given = 4, 1, 1.0, 0.2
    assert sample.show(served, *given) == sample.show(local, *given)
    line = chosen, {"image": local.examples.images[1], "context": None}, 0.2, 3
    assert interpolate.show(served, *line) == interpolate.show(local, *line)
    assert "out of range" in reconstruct.show(served, chosen, 0.85)


def test_a_served_classifier_has_no_page():
    class Classifier:
        def signatures(self):
            return {"classify": None}

    with pytest.raises(UsageError, match="draws no images"):
        ServedModel("digits", Classifier())
