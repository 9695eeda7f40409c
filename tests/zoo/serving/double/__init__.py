"""A test double of TensorFlow Serving: it is not TensorFlow Serving.

It speaks the real protos of `tensorflow-serving-api` over gRPC, and REST, and runs SavedModels in
graph-mode sessions, so that clients and exported models can be tried where there is no server
binary. It imitates what a real 2.21 server was seen to do: status codes and messages; that shapes
are not checked; `float_val` rather than `tensor_content` in answers; with batching on, that the
requests to a signature are concatenated, padded with copies of a row up to an allowed size, run and
sliced, that one of an odd shape fails all in its batch, that more rows than the largest batch are
refused, also in a warm-up, and that a request of no rows holds its thread until one with rows
comes, whatever its deadline; RESOURCE_EXHAUSTED when all threads are busy; that a model's status
ignores labels, where its metadata and predictions know them; REST's own time limit; errors in JSON
escaped as C escapes them.

It does not watch folders, load new versions, run the warm-up requests, split large batches, know
`classify`, `regress` or `output_filter`, or run on a GPU. Each signature has one batching thread,
where a server's threads are shared. Its speed says nothing about a server's.
"""

from tests.zoo.serving.double.double import Double, TlsFiles
from tests.zoo.serving.double.refusal import Refusal

__all__ = ["Double", "Refusal", "TlsFiles"]
