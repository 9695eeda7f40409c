"""Waits for a server to have a model loaded."""

import time

from zoo.serving.client.errors import DeadlineExceededError, ServingError
from zoo.serving.client.failures import Failure

__all__ = ["wait_until_available"]

_POLL_SECONDS = 0.25


def wait_until_available(transport, where, timeout):
    """Returns when the version or label answers; see `Client.wait_until_available`.

    Args:
        transport: A `GrpcTransport` or a `RestTransport`.
        where: The model and the server in words, for messages.
        timeout: Seconds.

    Raises:
        ServingError: It failed to load, or the server refuses to say.
        DeadlineExceededError: It is not available in time.
    """
    end = time.monotonic() + timeout
    while True:
        is_available, seen = _look(transport, where, max(end - time.monotonic(), 0.001))
        if is_available:
            return
        if time.monotonic() + _POLL_SECONDS > end:
            raise DeadlineExceededError(
                f"{where}: not available within {timeout:g} s. Last seen: {seen}. Check that the "
                "server runs and has this model, and its label if you gave one, in its "
                "models.config; its log says why a model is not loaded."
            )
        time.sleep(_POLL_SECONDS)


def _look(transport, where, timeout):
    """Says whether a version is available, and what was seen."""
    end = time.monotonic() + timeout
    try:
        # A version's state would not do: a server that is asked for it ignores labels.
        transport.signatures(timeout)
        return True, ""
    except Failure as failure:
        _check_may_come(failure, where)
        seen = str(failure)
    if time.monotonic() >= end:
        return False, seen
    try:
        versions = transport.versions(end - time.monotonic())
    except Failure as failure:
        _check_may_come(failure, where)
        return False, seen
    states = {state for _, state, _ in versions}
    found = "; ".join(f"version {v} is {s}{m and f' ({m})'}" for v, s, m in versions)
    if states == {"END"} and any(message for *_, message in versions):
        raise ServingError(f"{where}: it could not be loaded: {found}")
    return False, f"{seen}; {found or 'no version'}"


def _check_may_come(failure, where):
    """Raises unless what failed may be answered later."""
    is_late = failure.is_repeatable or failure.code == "DEADLINE_EXCEEDED"
    if not (is_late or failure.is_absence):
        raise failure.as_error(where) from failure
