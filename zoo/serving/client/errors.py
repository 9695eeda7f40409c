"""What `zoo.serving.Client` raises: one class for each thing that one would do about it."""

__all__ = [
    "AccessDeniedError",
    "DeadlineExceededError",
    "InvalidInputError",
    "ModelNotFoundError",
    "OverloadedError",
    "ServingError",
    "SignatureNotFoundError",
    "UnreachableError",
]


class ServingError(Exception):
    """A served model did not answer; also the base class of the errors below."""


class InvalidInputError(ServingError, ValueError):
    """An argument has a wrong shape, type or value: nothing to repeat, the call must change."""


class ModelNotFoundError(ServingError, LookupError):
    """The server has no such model, version or label, or has not loaded it yet."""


class SignatureNotFoundError(ServingError, LookupError):
    """The served model has no signature for this method."""


class AccessDeniedError(ServingError):
    """The server, or a proxy before it, wants other credentials."""


class DeadlineExceededError(ServingError, TimeoutError):
    """No answer within the client's deadline."""


class OverloadedError(ServingError):
    """The server refused more requests than it can take, every time the client tried."""


class UnreachableError(ServingError, ConnectionError):
    """No server answers at the address, or not by this protocol, or not with this TLS."""
