"""What the client does when a server is slow, busy or absent.

A server cannot be told to fail, so all of this runs against the test double alone.
"""

import concurrent.futures
import threading

import pytest

from tests import contract
from tests.zoo.serving.client.conftest import GREY_SHAPE
from tests.zoo.serving.double import Double, Refusal
from zoo import serving

BUSY = Refusal("RESOURCE_EXHAUSTED", "all threads are busy")
GONE = Refusal("UNAVAILABLE", "restarting")
FULL = Refusal("UNAVAILABLE", "The batch scheduling queue to which this task was submitted is full")


@pytest.mark.parametrize("refusal", [BUSY, GONE], ids=str)
def test_what_may_pass_is_repeated(refusal, connect_to_double, double, grey):
    double.refusals.extend([refusal, refusal])
    before = double.num_requests
    contract.assert_close(connect_to_double().sample(2, seed=1), grey.model.sample(2, seed=1))
    assert double.num_requests == before + 3


@pytest.mark.parametrize(
    ("refusal", "error", "message"),
    [
        (
            BUSY,
            serving.OverloadedError,
            r"all threads are busy \(tried 3 times\).*grpc_max_threads",
        ),
        (FULL, serving.OverloadedError, r"is full \(tried 3 times\).*max_enqueued_batches"),
        (GONE, serving.UnreachableError, r"restarting \(tried 3 times\).*address and port"),
    ],
)
def test_refusals_are_repeated_a_few_times(refusal, error, message, connect_to_double, double):
    double.refusals.extend([refusal] * 5)
    before = double.num_requests
    with pytest.raises(error, match=message):
        connect_to_double(max_retries=2).sample(1)
    assert double.num_requests == before + 3


@pytest.mark.parametrize(
    ("refusal", "is_asked_anew"),
    [
        (Refusal("INVALID_ARGUMENT", "VAE Zoo: `seed` must be"), False),
        (Refusal("INTERNAL", "out of memory"), False),
        (Refusal("INVALID_ARGUMENT", "VAE Zoo: `image` must have shape [N, 5, 5, 1]"), True),
        (Refusal("INVALID_ARGUMENT", "input size does not match signature"), True),
        (Refusal("FAILED_PRECONDITION", 'Serving signature key "sample" not found.'), True),
    ],
    ids=str,
)
def test_signatures_are_asked_for_anew_where_they_may_differ(
    refusal, is_asked_anew, connect_to_double, double
):
    client = connect_to_double()
    known = client.signatures()
    double.refusals.append(refusal)
    with pytest.raises(serving.ServingError):
        client.sample(1)
    assert (client.signatures() is not known) == is_asked_anew


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal("INVALID_ARGUMENT", "VAE Zoo: `seed` must be"), serving.InvalidInputError),
        (Refusal("INTERNAL", "out of memory"), serving.ServingError),
        (Refusal("FAILED_PRECONDITION", "something else"), serving.ServingError),
    ],
)
def test_what_would_fail_again_is_not_repeated(refusal, error, connect_to_double, double):
    double.refusals.append(refusal)
    before = double.num_requests
    with pytest.raises(error, match=refusal.message.removeprefix("VAE Zoo: ")):
        connect_to_double().sample(1)
    assert double.num_requests == before + 1


def test_deadlines_hold(connect_to_double, double):
    client = connect_to_double(deadline=0.4, max_batch_size=1)
    double.delay = 5.0  # After which it would answer.
    with pytest.raises(serving.DeadlineExceededError, match="longer deadline="):
        client.sample(3)
    with pytest.raises(TimeoutError):  # Python's own name for it.
        client.sample(1)


def test_nothing_is_repeated_past_the_deadline(connect_to_double, double):
    double.refusals.extend([GONE] * 100)
    client = connect_to_double(deadline=0.3, max_retries=100)
    # Whether the last repetition is refused or cut short by the deadline depends on the moment.
    errors = (serving.UnreachableError, serving.DeadlineExceededError)
    with pytest.raises(errors, match="restarting"):
        client.sample(1)
    assert double.refusals, "else it would have been answered"


def test_parts_are_in_flight_together(double, grey):
    double.gate = threading.Barrier(4, timeout=60)  # Which none of four passes alone.
    with serving.Client(double.grpc_address, "grey", max_batch_size=2) as client:
        contract.assert_close(client.sample(8, seed=2), grey.model.sample(8, seed=2))


def test_absent_servers():
    for address in ("localhost:1", "http://localhost:1"):
        with serving.Client(address, "grey", deadline=0.3) as client:
            with pytest.raises(serving.UnreachableError, match="usually 8500 for gRPC"):
                client.sample(1)
            with pytest.raises(serving.DeadlineExceededError, match=r"0\.2 s. Last seen"):
                client.wait_until_available(0.2)


def test_waiting_for_a_model_that_loads(connect_to_double, double):
    client = connect_to_double()
    double.state = "LOADING"
    with pytest.raises(serving.ModelNotFoundError, match="wait_until_available"):
        client.sample(1)
    with pytest.raises(serving.DeadlineExceededError, match="version 7 is LOADING"):
        client.wait_until_available(0.8)
    timer = threading.Timer(0.3, setattr, (double, "state", "AVAILABLE"))
    timer.start()
    client.wait_until_available(20)
    assert client.sample(1).shape == (1, *GREY_SHAPE)
    timer.join()
    double.state, double.state_message = "END", "no such file"
    with pytest.raises(serving.ServingError, match=r"could not be loaded: .*no such file"):
        client.wait_until_available(20)


def test_a_closed_client_says_so(connect_to_double):
    client = connect_to_double(max_batch_size=1)
    client.sample(2)
    client.close()
    client.close()
    with pytest.raises(serving.ServingError, match="closed"):
        client.sample(2)


def test_closing_during_a_call_of_many_parts(connect_to_double, double):
    client = connect_to_double(max_batch_size=1)
    double.delay = 0.2
    timer = threading.Timer(0.3, client.close)
    timer.start()
    with pytest.raises(serving.ServingError, match="the client was closed"):
        client.sample(100)
    timer.join()
    with pytest.raises(serving.ServingError, match="the client was closed"):
        client.wait_until_available(5)


def test_closing_during_a_call_of_one_part(double):
    client = serving.Client(double.grpc_address, "grey")
    client.signatures()
    double.delay = 1.0
    timer = threading.Timer(0.3, client.close)
    timer.start()
    with pytest.raises(serving.ServingError, match="the client was closed"):
        client.sample(1)
    timer.join()


def test_a_server_with_content_in_bytes_and_no_batching(grey):
    with (
        Double({"grey": grey.path}, max_batch_size=None, answers_as="content") as double,
        serving.Client(double.grpc_address, "grey", max_batch_size=3) as client,
    ):
        sample = client.sample(5, seed=3)
    contract.assert_close(sample, grey.model.sample(5, seed=3))
    sample[:] = 0  # An answer may be written to.


def test_more_requests_than_threads(grey):
    with (
        Double({"grey": grey.path}, max_threads=2, batch_timeout=0.02) as double,
        serving.Client(double.grpc_address, "grey", max_retries=20) as client,
        concurrent.futures.ThreadPoolExecutor(8) as pool,
    ):
        samples = list(pool.map(lambda seed: client.sample(1, seed=seed), range(16)))
    expected = [grey.model.sample(1, seed=seed) for seed in range(16)]
    contract.assert_close(samples, expected)
