"""The double as a whole: models, two ports, and the faults it can be told to show."""

import collections
import dataclasses
import math
import threading
import time

from tests.zoo.serving.double.grpc_server import start_grpc
from tests.zoo.serving.double.refusal import Refusal
from tests.zoo.serving.double.rest_server import start_rest
from tests.zoo.serving.double.served_model import ServedModel

__all__ = ["Double"]

_REST_TIMEOUT = 30.0  # Seconds; a server's default.


@dataclasses.dataclass(frozen=True)
class TlsFiles:
    """Paths of PEM files."""

    key: str
    certificate: str


class Double:
    """Serves models on free ports of this machine until closed; see the package's docstring.

    Args:
        models: Dict of name to the folder of a version.
        max_batch_size: The largest batch; None turns batching off.
        batch_timeout: Seconds that a batch waits for more requests.
        max_threads: Concurrent requests over gRPC; one more is RESOURCE_EXHAUSTED.
        labels: Dict of label to version.
        answers_as: "field" for `float_val` and its like, "content" for `tensor_content`.
        tls: `TlsFiles`, or None.
        rest_timeout: Seconds after which a request by REST is given up, as of
            `--rest_api_timeout_in_ms`; gRPC knows the client's deadline alone.

    Attributes:
        refusals: Queue of `Refusal`s that the next requests meet, one each.
        delay: Seconds that each request takes longer.
        gate: A `threading.Barrier` at which requests to predict wait for each other, or None.
        state: What is said of every version; only AVAILABLE ones answer.
        headers: The headers of each request so far.
        num_requests: How many requests to predict there were.
    """

    def __init__(
        self,
        models,
        max_batch_size=64,
        batch_timeout=0.002,
        max_threads=100,
        labels=None,
        answers_as="field",
        tls=None,
        rest_timeout=_REST_TIMEOUT,
    ):
        batching = None
        if max_batch_size is not None:
            batching = {
                "max_batch_size": max_batch_size,
                "allowed_batch_sizes": _powers_of_two(max_batch_size),
                "batch_timeout": batch_timeout,
            }
        self.models = {name: ServedModel(path, batching) for name, path in models.items()}
        self.labels = labels or {}
        self.rest_timeout = rest_timeout
        self.refusals = collections.deque()
        self.delay = 0.0
        self.gate = None
        self.state = "AVAILABLE"
        self.state_message = ""
        self.headers = []
        self.num_requests = 0
        self._lock = threading.Lock()
        self._grpc, grpc_port = start_grpc(self, max_threads, answers_as, tls)
        self._rest, rest_port = start_rest(self, tls)
        self.grpc_address = f"localhost:{grpc_port}"
        self.rest_address = f"http{'s' if tls else ''}://localhost:{rest_port}"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        is_stopped = self._grpc.stop(None)
        self._rest.shutdown()
        self._rest.server_close()
        for model in self.models.values():
            model.close()  # Which frees the threads that wait for a batch.
        is_stopped.wait()

    def model(self, name, version=None, label=None):
        """Finds a model, loaded or not. (A model's status is asked for without its label.)

        Raises:
            Refusal: There is none.
        """
        if label:
            if label not in self.labels:
                message = f"Unrecognized servable version label: {label}"
                raise Refusal("NOT_FOUND", message)
            version = self.labels[label]
        model = self.models.get(name)
        if model is None or version not in (None, model.version):
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise Refusal("NOT_FOUND", f"Servable not found for request: {asked}")
        return model

    def available_model(self, name, version=None, label=None):
        """Finds a model that is loaded.

        Raises:
            Refusal: There is none.
        """
        model = self.model(name, version, label)
        if self.state != "AVAILABLE":
            raise Refusal("NOT_FOUND", f"Servable not found for request: Latest({name})")
        return model

    def before_predict(self, timeout=math.inf):
        """Counts a request to predict, and shows the faults that it was told to.

        Raises:
            Refusal: It was told to, or is slower than the timeout, in seconds.
        """
        with self._lock:
            self.num_requests += 1
            refusal = self.refusals.popleft() if self.refusals else None
        if self.gate is not None:
            self.gate.wait()
        time.sleep(min(self.delay, timeout))
        if self.delay > timeout:
            raise Refusal("DEADLINE_EXCEEDED", "Deadline Exceeded")
        if refusal:
            raise refusal


def _powers_of_two(largest):
    sizes = [1]
    while sizes[-1] * 2 < largest:
        sizes.append(sizes[-1] * 2)
    return sorted({*sizes, largest})
