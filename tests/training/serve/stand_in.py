"""What the tests of `vae-zoo serve` use in place of TensorFlow Serving and of exported models.

`STAND_IN` is no server: a program of the same name that answers the REST status of the models in
`--model_config_file` and nothing else.
"""

import json
import os
import socket
import sys

import numpy as np

from training.command_line import cli
from zoo.serving import keras_config, manifest, warmup

STAND_IN = f"""#!{sys.executable}
import http.server, json, os, re, signal, sys

kind = os.environ.get("STAND_IN_KIND", "good")
flags = dict(argument[2:].split("=", 1) for argument in sys.argv[1:])
with open(os.environ["STAND_IN_RECORD"], "w") as file:
    json.dump({{"arguments": sys.argv[1:], "pid": os.getpid()}}, file)
print("stand-in: started", flush=True)
if kind == "dies":
    print("stand-in: Failed to start server. Error: bad model", flush=True)
    sys.exit(3)
if kind == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(flags["model_config_file"]) as file:
    config = file.read()
asked = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        name = self.path.rsplit("/", 1)[1]
        part = config.split('name: "' + name + '"')[1].split("config {{")[0]
        versions = re.findall(r"[{{ ]versions: (\\d+)", part) or ["2", "1"]
        state, error = "AVAILABLE", ""
        if kind == "end":
            state, error = "END", "warm-up failed"
        elif kind == "loads" or asked <= 2:
            state = "LOADING"
        found = [
            {{"version": version, "state": state, "status": {{"error_message": error}}}}
            for version in versions
        ]
        body = json.dumps({{"model_version_status": found}}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("", int(flags["rest_api_port"])), Handler).serve_forever()
"""


def make_version(folder, context_shape=None, is_classifier=False, has_files=True):
    """Makes a folder that looks like an exported model's, with warm-up requests but no graph."""
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(bytes(1000))
    image = np.full((1, 8, 8, 1), 0.5, np.float32)
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


def free_port():
    """Returns a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


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
