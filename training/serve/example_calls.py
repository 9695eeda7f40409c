"""Calls of a served model to copy: one by curl and one from Python, with inputs that fit it."""

import json
import os
import shlex

import numpy as np

from training.runs.run_directory import replace_file
from zoo.serving import warmup

__all__ = ["example_calls"]

_LONGEST_BODY = 200  # Characters; a longer one goes into a file.


def example_calls(name, version_folder, directory, grpc_port, rest_port):
    """Makes two calls of a served model, with one row of its own warm-up requests.

    Args:
        name: What the server calls the model.
        version_folder: Folder of a version of it.
        directory: Where to write a request that is long, as `request_NAME.json`.
        grpc_port: Where the server answers gRPC.
        rest_port: Where the server answers REST.

    Returns:
        A list of commands for a shell.
    """
    requests = dict(reversed(warmup.read(version_folder)))  # Of each signature the first.
    signature = "sample" if "sample" in requests else "classify"
    inputs = {key: np.round(values[:1], 3) for key, values in requests[signature].items()}
    client = f'zoo.serving.Client("localhost:{grpc_port}", "{name}")'
    if signature == "classify":
        python = f"import numpy, zoo; print({client}.classify({_zeros(inputs['image'])}))"
    else:
        python = _sample(client, name, inputs, "sample_encoded" in requests)
    url = f"http://localhost:{rest_port}/v1/models/{name}:predict"
    data = _data(signature, inputs, os.path.join(directory, f"request_{name}.json"))
    return [f"curl -d {shlex.quote(data)} {url}", f"python -c {shlex.quote(python)}"]


def _sample(client, name, inputs, as_file):
    arguments, numpy = "1, seed=0", ""
    if "context" in inputs:
        arguments, numpy = f"{arguments}, context={_zeros(inputs['context'])}", "numpy, "
    if "tolerance" in inputs:
        arguments += f", tolerance={inputs['tolerance'][0]:g}"
    if as_file:
        image = f"{client}.sample_encoded({arguments})[0]"
        return (
            f'import {numpy}pathlib, zoo; file = pathlib.Path("{name}.png").absolute(); '
            f'file.write_bytes({image}); print("Wrote", file)'
        )
    return f"import {numpy}zoo; print({client}.sample({arguments}))"


def _zeros(values):
    return f"numpy.zeros({values.shape})"


def _data(signature, inputs, file):
    """Returns curl's argument: the body of the request, or the file that it is written to."""
    values = {name: value.tolist() for name, value in inputs.items()}
    body = json.dumps({"signature_name": signature, "inputs": values})
    if len(body) <= _LONGEST_BODY:
        return body
    with replace_file(file) as stream:
        stream.write(body)
    return f"@{file}"
