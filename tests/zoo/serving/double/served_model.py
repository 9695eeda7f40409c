"""A SavedModel in a graph-mode session, and what a server says to requests that do not fit it."""

import contextlib
import functools
import os
import threading

import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from tests.zoo.serving.double.batcher import Batcher, check_size
from tests.zoo.serving.double.refusal import Refusal
from zoo.serving import warmup
from zoo.serving.check import open_session

__all__ = ["ServedModel"]


class ServedModel:
    """One version of a model.

    Args:
        path: Folder of the SavedModel; its name is the version.
        batching: Arguments of `Batcher` beside `run`, or None to run each request by itself.

    Raises:
        Refusal: A warm-up request has more rows than the largest batch.
    """

    def __init__(self, path, batching):
        self.version = int(os.path.basename(path))
        with open(os.path.join(path, "saved_model.pb"), "rb") as file:
            saved_model = saved_model_pb2.SavedModel.FromString(file.read())
        self.signature_defs = saved_model.meta_graphs[0].signature_def
        if batching is not None:
            check_size(warmup.most_rows(path), batching["max_batch_size"])
        self._stack = contextlib.ExitStack()
        self._session = self._stack.enter_context(open_session(str(path), optimize=False))
        self._batching = batching
        self._batchers = {}
        self._lock = threading.Lock()

    def answer(self, signature_name, inputs, timeout):
        """Answers one request.

        Raises:
            Refusal: As a server would, see SERVING_NOTES.md.
        """
        name = signature_name or "serving_default"
        if name not in self.signature_defs:
            raise Refusal("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
        _check_names(set(inputs), set(self.signature_defs[name].inputs))
        if self._batching is None:
            return self._run(name, inputs)
        return self._batcher(name).ask(inputs, timeout)

    def batches(self, signature_name):
        """The batches run for a signature: of each, the numbers of rows of its requests."""
        batcher = self._batchers.get(signature_name)
        return list(batcher.batches) if batcher else []

    def close(self):
        """Ends threads and session."""
        for batcher in self._batchers.values():
            batcher.close()
        self._stack.close()

    def _batcher(self, name):
        with self._lock:
            if name not in self._batchers:
                run = functools.partial(self._run, name)
                self._batchers[name] = Batcher(run, **self._batching)
            return self._batchers[name]

    def _run(self, name, inputs):
        _check_types(inputs, self.signature_defs[name].inputs)
        try:
            return self._session(name, inputs)
        except tf.errors.OpError as error:
            raise Refusal.of(error) from error


def _check_names(sent, wanted):
    if len(sent) != len(wanted):
        raise Refusal(
            "INVALID_ARGUMENT",
            f"input size does not match signature: {len(sent)}!={len(wanted)} "
            f"len({_braced(sent)}) != len({_braced(wanted)}). Sent extra: {_braced(sent - wanted)}."
            f" Missing but required: {_braced(wanted - sent)}.",
        )
    if sent != wanted:
        raise Refusal(
            "INVALID_ARGUMENT",
            f"input tensor alias not found in signature: {min(sent - wanted)}. Inputs expected to "
            f"be in the set {_braced(wanted)}.",
        )


def _check_types(sent, infos):
    """Says what a session says; under batching of all of a batch."""
    for index, name in enumerate(sorted(sent)):
        wanted = types_pb2.DataType.Name(infos[name].dtype)
        received = types_pb2.DataType.Name(tf.as_dtype(sent[name].dtype).as_datatype_enum)
        if received != wanted:
            raise Refusal(
                "INVALID_ARGUMENT",
                f"Expects arg[{index}] to be {_type_name(wanted)} but {_type_name(received)} is "
                "provided",
            )


def _type_name(name):
    return name.removeprefix("DT_").lower()


def _braced(names):
    return "{" + ",".join(sorted(names)) + "}"
