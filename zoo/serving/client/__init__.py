"""The client of a served model. Nothing here imports TensorFlow.

`client.py` has the methods; `signature_inputs.py` and `arguments.py` turn what they are given into
arrays; `requester.py` splits, repeats and joins; two transports send.
"""

from zoo.serving.client.client import Client

__all__ = ["Client"]
