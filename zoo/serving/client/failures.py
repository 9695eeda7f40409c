"""What a server's refusal means: whose fault it is, whether to repeat, which exception to raise.

gRPC's status codes are used for both protocols. The code alone does not say enough: under
`--enable_batching` a server concatenates the requests of several clients, and one of an odd shape
fails all that share its batch, with messages that only such a batch gives.
"""

import re

from zoo.errors import MARK
from zoo.serving.client import errors

__all__ = ["UNREADABLE", "Failure"]

UNREADABLE = "the answer cannot be read"
_OTHER_SHAPE = "must have shape"
# Every output of a zoo model has as many rows as its inputs, but a batch whose last request has no
# rows is padded with copies of a row that is not there. Other models may fail so by themselves.
_OTHER_NUMBER_OF_ROWS = "Batched output tensor's 0th dimension does not equal"
_NEIGHBOURS_FAULT = (
    "padding is turned off",
    "Tensor concat operation failed",
    _OTHER_NUMBER_OF_ROWS,
)
_REPEATABLE = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")
_ABOUT_INPUTS = ("INVALID_ARGUMENT", "FAILED_PRECONDITION")
_FULL_QUEUE = re.compile(r"queue .*is full")
_TOO_LARGE = re.compile(r"Task size \d+ is larger than maximum input batch size (\d+)")
_NO_SIGNATURE = re.compile(r"Serving signature (key|name).* not found")
_NO_LABEL = "Unrecognized servable version label"
_DENIED = ("UNAUTHENTICATED", "PERMISSION_DENIED")


class Failure(Exception):
    """A request that was not answered.

    Args:
        code: Name of a gRPC status code, such as `UNAVAILABLE`.
        message: What the server, or the library that did not reach it, said.
        is_final: Whether a repetition is known to fail too, whatever the code.
        is_servers_limit: Whether the server's own time was up, and not the client's.
    """

    def __init__(self, code, message, is_final=False, is_servers_limit=False):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.is_servers_limit = is_servers_limit
        self._is_final = is_final

    @property
    def is_neighbours_fault(self):
        """Whether another client's request in the same batch failed this one too."""
        return any(phrase in self.message for phrase in _NEIGHBOURS_FAULT)

    @property
    def may_be_the_models(self):
        """Whether what looks like a neighbour's fault may be one of the model, which stays."""
        return _OTHER_NUMBER_OF_ROWS in self.message

    @property
    def is_overload(self):
        """Whether the server has more requests than it can take."""
        is_full = self.code == "UNAVAILABLE" and _FULL_QUEUE.search(self.message)
        return self.code == "RESOURCE_EXHAUSTED" or bool(is_full)

    @property
    def may_mean_other_signatures(self):
        """Whether the server may have changed to a version that takes or gives other things."""
        # Of what the graph itself refuses, the client knows all but sizes that have changed.
        is_known = MARK in self.message and _OTHER_SHAPE not in self.message
        is_about_inputs = self.code in _ABOUT_INPUTS and not is_known
        return is_about_inputs or UNREADABLE in self.message or self._is_missing_signature

    @property
    def is_repeatable(self):
        """Whether the same request may be answered a little later."""
        is_final = self._is_final or self._is_about_message_size
        return self.code in _REPEATABLE and not is_final

    @property
    def is_absence(self):
        """Whether the server does not have the model, or not yet."""
        return self.code == "NOT_FOUND" or _NO_LABEL in self.message

    @property
    def largest_batch(self):
        """The largest batch the server takes, if that is what it complained of; else None."""
        found = _TOO_LARGE.search(self.message)
        return int(found.group(1)) if found else None

    @property
    def _is_about_message_size(self):
        return "message larger than max" in self.message

    @property
    def _is_missing_signature(self):
        return bool(_NO_SIGNATURE.search(self.message))

    def after(self, previous):
        """Returns this failure; of a deadline, with what went wrong until then (None: nothing)."""
        if previous is None or self.code != "DEADLINE_EXCEEDED":
            return self
        message = f"{self.message}; before that: {previous.message}"
        is_servers_limit = self.is_servers_limit or previous.is_servers_limit
        return Failure(self.code, message, is_servers_limit=is_servers_limit)

    def as_error(self, where, num_attempts=1):
        """Returns the exception for a user.

        Args:
            where: What was asked of whom, such as "`encode` of model 'm' at localhost:8500".
            num_attempts: How often it was tried.
        """
        said = f"{where}: {_plain(self.message)}"
        tried = f" (tried {num_attempts} times)" if num_attempts > 1 else ""
        for error_class, is_it, advice in _EXPLANATIONS:
            if is_it(self):
                return error_class(f"{said}{tried}{advice}")
        return errors.ServingError(f"{said}{tried} [{self.code}] See the server's log.")


def _plain(message):
    """Takes an assertion of the served graph out of what TensorFlow wraps around it."""
    _, mark, own = message.partition(MARK)
    if not mark:
        return message.strip()
    own = re.split(r"\n\t ?\[\[|\n", own, maxsplit=1)[0]
    return " ".join(own.rstrip("]").replace("] [", " ").split())


# In order: the first that fits is raised.
_EXPLANATIONS = (
    (
        errors.ServingError,
        lambda failure: failure.may_be_the_models,
        ". Either requests of other clients without any rows were in the same batch every time, or "
        "the model gives outputs that do not have one row for each row of the inputs, which "
        "--enable_batching does not allow: find that client, or check with saved_model_cli that "
        "all outputs have shape [N, ...] and export the model by the zoo.",
    ),
    (
        errors.ServingError,
        lambda failure: failure.is_neighbours_fault,
        ". Requests of another shape, of other clients, were in the same batch every time. Find "
        "the client that sends them, or serve the model without --enable_batching.",
    ),
    (
        errors.ServingError,
        lambda failure: failure._is_about_message_size,
        ". Use a smaller max_batch_size.",
    ),
    (
        errors.SignatureNotFoundError,
        lambda failure: failure._is_missing_signature,
        " The server may have changed to another version; client.signatures() says what it has.",
    ),
    (
        errors.ModelNotFoundError,
        lambda failure: failure.is_absence,
        ". Check the model's name, version and label against the server's models.config, and the "
        "server's log for why it is not loaded; client.wait_until_available() waits for one that "
        "is loading.",
    ),
    (errors.InvalidInputError, lambda failure: failure.code == "INVALID_ARGUMENT", ""),
    (
        errors.DeadlineExceededError,
        lambda failure: failure.is_servers_limit,
        ". The server, or a proxy before it, gave up before this client's deadline, so a longer "
        "deadline= cannot help: ask for fewer images at once, use gRPC, which has no such limit, "
        "or raise the server's --rest_api_timeout_in_ms (`vae-zoo serve --rest-timeout SECONDS`).",
    ),
    (
        errors.DeadlineExceededError,
        lambda failure: failure.code == "DEADLINE_EXCEEDED",
        ". The server is slow, busy or stuck: ask for fewer images at once or pass a longer "
        "deadline= to Client.",
    ),
    (
        errors.OverloadedError,
        lambda failure: failure.is_overload,
        ". The server has as many requests as it can take: send fewer at a time, raise its "
        "--grpc_max_threads or the max_enqueued_batches of its batching.config, or add servers.",
    ),
    (
        errors.UnreachableError,
        lambda failure: failure.code == "UNAVAILABLE",
        ". Check that the server runs, its address and port (usually 8500 for gRPC, 8501 for "
        "REST), and TLS if one side uses it; client.wait_until_available() waits for a server that "
        "is starting.",
    ),
    (errors.ServingError, lambda failure: failure.code == "CANCELLED", ""),
    (
        errors.AccessDeniedError,
        lambda failure: failure.code in _DENIED,
        ". Pass what the server asks for as headers= or client_certificate= to Client.",
    ),
)
