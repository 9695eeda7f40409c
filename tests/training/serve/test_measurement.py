"""`vae-zoo serve` measures the models; here for true, on graphs that are damaged."""

import os

import pytest

from tests.training.serve.stand_in import fails
from training.command_line import cli
from training.serve import server_folder
from zoo.serving import manifest

pytestmark = pytest.mark.usefixtures("surroundings")


def test_for_a_gpu_nothing_is_measured(capsys):
    assert cli.main(["serve", "faces", "--write-only", "--gpu"]) == 0
    output = capsys.readouterr().out
    assert "tensorflow_model_server \\" not in output, "it knows no GPU"
    assert "--gpus=all" in output
    assert "tensorflow/serving:2.21.0-gpu" in output
    with open("serving/batching.config", encoding="utf-8") as file:
        text = file.read()
    assert "Not measured" in text
    assert "max_batch_size { value: 64 }" in text


def test_an_interrupted_measurement_is_no_training(capsys, monkeypatch):
    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(server_folder, "measure_batches", interrupt)
    assert cli.main(["serve", "faces", "--write-only"]) == 130
    assert capsys.readouterr().err == "\nvae-zoo: stopped.\n"


def test_a_model_that_cannot_be_run_is_told(capsys):
    code, message, _ = fails(capsys, "faces", "--write-only")
    assert code == 1
    assert "faces/2 cannot be run: " in message
    assert not os.path.exists("serving")


def test_a_damaged_warm_up_is_told(capsys, tmp_path):
    (tmp_path / "faces" / "2" / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"oh")
    manifest.write(tmp_path / "faces" / "2")
    code, message, _ = fails(capsys, "faces", "--write-only")
    assert code == 1
    assert "faces/2 cannot be run: " in message
