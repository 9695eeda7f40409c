"""What docs/SERVING.md and `vae-zoo serve` give to copy runs, against the double of the server."""

import pathlib
import re
import shlex

import keras
import numpy as np
import pytest
import requests
import tensorflow as tf

import zoo
from tests import contract
from tests.zoo.serving.conftest import COLOUR_SHAPE
from tests.zoo.serving.double import Double
from training.serve.example_calls import example_calls
from zoo.serving import signatures
from zoo.serving.client import failures

GUIDE = (pathlib.Path(__file__).parents[3] / "docs" / "SERVING.md").read_text(encoding="utf-8")
PUBLISH, CLIENT, PATIENT, KERAS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def test_the_client_s_example_runs(colour_export):
    with Double({"conv_draw_mnist": str(colour_export.path)}) as double:
        names = {}
        exec(CLIENT.replace("localhost:8500", double.grpc_address), names)
    expected = np.asarray(colour_export.model.sample(16, seed=0))
    np.testing.assert_allclose(names["samples"], expected, atol=1e-5)
    assert len(names["latents"]) == len(colour_export.model.encode(names["images"]))
    assert names["reconstructions"].shape == names["images"].shape
    assert names["bounds"].shape == (16,)
    assert [file[:4] for file in names["files"]] == [b"\x89PNG"] * 4


def test_a_patient_client_is_made():
    names = {"zoo": zoo}
    exec(PATIENT, names)
    assert isinstance(names["client"], zoo.serving.Client)


def test_the_signature_is_called_without_a_layer(colour_export):
    path = str(colour_export.path)
    names = {}
    exec(KERAS.replace("savedmodels/conv_draw_mnist/2", path), names)
    contract.assert_close(names["images"], colour_export.model.sample(2, seed=0))
    # Of two inputs Keras's layer makes nothing: else the guide could be shorter.
    layer = keras.layers.TFSMLayer(path, call_endpoint="sample")
    seeds, temperatures = names["seeds"], tf.ones(2)
    for inputs in ([seeds, temperatures], {"seed": seeds, "temperature": temperatures}):
        with pytest.raises(TypeError, match="too many positional arguments"):
            layer(inputs)
    encode = keras.layers.TFSMLayer(path, call_endpoint="encode")
    assert encode(np.zeros([1, *COLOUR_SHAPE], np.float32))["latents_0"].shape == (1, 3)


def test_the_calls_that_are_printed_run(colour_export, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with Double({"tiny": str(colour_export.path)}) as double:
        ports = [
            address.rsplit(":", 1)[1] for address in (double.grpc_address, double.rest_address)
        ]
        curl, python = example_calls("tiny", colour_export.path, tmp_path, *ports)
        _, _, body, url = shlex.split(curl)
        answer = requests.post(url, data=body, timeout=20)
        exec(shlex.split(python)[2], {})
    expected = np.asarray(colour_export.model.sample(1, seed=0))
    np.testing.assert_allclose(answer.json()["outputs"]["image"], expected, atol=1e-5)
    assert (tmp_path / "tiny.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == f"Wrote {tmp_path}/tiny.png\n"


@pytest.mark.slow
def test_the_example_of_publishing_runs(colour_export, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "load", lambda name: colour_export.model, raising=False)
    monkeypatch.chdir(tmp_path)
    exec(PUBLISH, {})
    assert (tmp_path / "models" / "my_model" / "1" / "saved_model.pb").is_file()


def test_the_table_of_signatures_is_that_of_the_code():
    table, _ = re.findall(r"(?:^\|.*\n)+", signatures.__doc__, re.MULTILINE)
    assert table in GUIDE


def test_every_exception_of_the_client_is_explained():
    explained = set(re.findall(r"^\| `(\w+Error)` \|", GUIDE, re.MULTILINE))
    there = {name for name in zoo.serving.__all__ if name.endswith("Error")}
    assert explained == there - {"ServingError"}


def test_the_messages_of_a_crowded_batch_are_explained():
    assert all(f"`{phrase}`" in GUIDE for phrase in failures._NEIGHBOURS_FAULT)
