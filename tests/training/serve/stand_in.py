"""What the tests of `vae-zoo serve` use in place of TensorFlow Serving and of exported models.

`STAND_IN` is a program of the server's name that runs `stand_in_server.py`.
"""

import json
import os
import pathlib
import sys

import numpy as np

from benchmarks.processes import free_ports
from training.command_line import cli
from zoo.serving import keras_config, manifest, warmup

STAND_IN = f"""#!{sys.executable}
import runpy
runpy.run_path({str(pathlib.Path(__file__).with_name("stand_in_server.py"))!r}, run_name="__main__")
"""


def make_version(folder, context_shape=None, is_classifier=False, has_files=True, num_rows=1):
    """Makes a folder that looks like an exported model's, with warm-up requests but no graph."""
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(bytes(1000))
    image = np.full((num_rows, 8, 8, 1), 0.5, np.float32)
    sample = {"seed": np.zeros((1, 2), np.int32), "temperature": np.ones(1, np.float32)}
    if context_shape is not None:
        sample["context"] = np.full((1, *context_shape), 0.25, np.float32)
    requests = [("serving_default", {"image": image})]
    requests += [("classify", {"image": image})] if is_classifier else [("sample", sample)]
    requests += [("sample_encoded", sample)] if has_files and not is_classifier else []
    warmup.write(requests, str(folder))
    (folder / "assets.extra" / "vae_zoo.json").write_text(
        json.dumps({"format": keras_config._FORMAT, "metadata": {}})
    )
    manifest.write(folder)
    return folder


def free_port_options():
    """Returns the options of `vae-zoo serve` for two ports that nothing listens on."""
    grpc, rest = free_ports(2)
    return ["--grpc-port", str(grpc), "--rest-port", str(rest)]


def fails(capsys, *arguments):
    """Runs `vae-zoo serve`, which fails; gives its code, message and output."""
    code = cli.main(["serve", *arguments])
    captured = capsys.readouterr()
    assert captured.err.startswith("vae-zoo: ")
    return code, captured.err, captured.out


def has_ended(record):
    """Whether the stand-in that wrote the record has ended."""
    try:
        os.kill(json.loads(record.read_text())["pid"], 0)
    except ProcessLookupError:
        return True
    return False
