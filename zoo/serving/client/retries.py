"""Repeats a request while that is safe, may help, and there is time.

By hand for both protocols: what gRPC and `requests` offer goes by status codes, and whether to
repeat is in the server's message (`failures.py`).
"""

import random
import time

from zoo.serving.client.failures import Failure

__all__ = ["repeat"]

_FIRST_PAUSE = 0.05  # Seconds; each further one is twice as long.
_LONGEST_PAUSE = 2.0
# A neighbour's fault says nothing of how busy the server is, so there is little to wait for.
_LONGEST_PAUSE_FOR_NEIGHBOURS = 0.1
_NEIGHBOURS_FAULTS_BEFORE_CROWDED = 2
# A batch of one's own that fails in the same way says that it is no neighbour's fault.
_MOST_ATTEMPTS_WHEN_CROWDED = 3
# A generator of its own: users seed the global one.
_JITTER = random.Random()


def repeat(request, where, end, max_retries):
    """Calls `request(timeout in seconds, is_crowded)` until it is answered.

    All methods of a served model are pure functions, so repeating one is always safe; it is done
    only where another outcome can be expected. How often another client's fault in the same batch
    may spoil the answer is limited by the time alone, unless it may be the model's own.

    Args:
        request: The function; raises `Failure`. `is_crowded` says that other clients' faults
            spoilt several answers already, so that it should keep out of their batches.
        where: What was asked of whom, for messages.
        end: When the time is up, as in `time.monotonic()`.
        max_retries: How often a server may refuse before that ends it.

    Raises:
        ServingError: One of `zoo.serving.client.errors`.
        Failure: The batch is too large, which the caller can help.
    """
    num_attempts = num_attempts_when_crowded = num_refusals = num_neighbours_faults = 0
    previous = None
    while True:
        num_attempts += 1
        is_crowded = num_neighbours_faults >= _NEIGHBOURS_FAULTS_BEFORE_CROWDED
        try:
            return request(max(end - time.monotonic(), 0.001), is_crowded)
        except Failure as failure:
            if failure.largest_batch is not None:
                raise
            num_refusals += failure.is_repeatable
            num_neighbours_faults += failure.is_neighbours_fault
            num_attempts_when_crowded += is_crowded
            pause = _pause(num_attempts, failure)
            may_pass = failure.is_repeatable or failure.is_neighbours_fault
            if failure.may_be_the_models:
                may_pass = num_attempts_when_crowded < _MOST_ATTEMPTS_WHEN_CROWDED
            is_in_time = time.monotonic() + pause < end
            if not (may_pass and is_in_time and num_refusals <= max_retries):
                raise failure.after(previous).as_error(where, num_attempts) from failure
            previous = failure
        time.sleep(pause)


def _pause(num_attempts, failure):
    longest = _LONGEST_PAUSE_FOR_NEIGHBOURS if failure.is_neighbours_fault else _LONGEST_PAUSE
    # Doubled no more than 10 times, after which it is the longest anyway.
    pause = min(longest, _FIRST_PAUSE * 2 ** min(num_attempts - 1, 10))
    return pause * _JITTER.uniform(0.5, 1.0)
