"""Serves models by the double: `python -m tests.zoo.serving.double NAME=PATH...`.

Prints one line of JSON with its addresses, and ends when its standard input does.
"""

import argparse
import json
import sys

from tests.zoo.serving.double import Double

parser = argparse.ArgumentParser(description="A test double of TensorFlow Serving.")
parser.add_argument("models", nargs="+", help="name=path of a version's folder")
parser.add_argument("--max_batch_size", type=int, default=64)
arguments = parser.parse_args()
models = dict(model.split("=", 1) for model in arguments.models)
with Double(models, max_batch_size=arguments.max_batch_size) as double:
    print(json.dumps({"grpc": double.grpc_address, "rest": double.rest_address}), flush=True)
    sys.stdin.read()
