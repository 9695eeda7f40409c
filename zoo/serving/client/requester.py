"""Gets many rows answered: in parts that the server takes, several in flight, within a deadline."""

import concurrent.futures
import dataclasses
import threading
import time

from zoo.errors import MARK
from zoo.serving.client.errors import InvalidInputError, ServingError
from zoo.serving.client.failures import UNREADABLE, Failure
from zoo.serving.client.retries import repeat
from zoo.serving.client.rows import fill_up, join, most_rows, num_rows, split

__all__ = ["Requester"]

_PARTS_IN_FLIGHT = 4


@dataclasses.dataclass(frozen=True)
class _Call:
    """What the parts of one call share; `end` is when its time is up."""

    name: str
    signature: object
    end: float


class Requester:
    """Asks one served model; threads may share it.

    Args:
        transport: A `GrpcTransport` or a `RestTransport`.
        where: The model and the server in words, for messages.
        max_batch_size: The most rows of a request.
        deadline: Seconds for all of a call, with its parts and repetitions.
        max_retries: How often a part is repeated that the server refuses.
    """

    def __init__(self, transport, where, max_batch_size, deadline, max_retries):
        self._transport = transport
        self._where = where
        self._max_batch_size = max_batch_size
        self._deadline = deadline
        self._max_retries = max_retries
        self._signatures = None
        self._pool = None
        self._pool_lock = threading.Lock()
        self._is_closed = False

    def signatures(self):
        """Returns the model's signatures, asked for once; a dict of name to `ServedSignature`."""
        self.check_open()
        known = self._signatures  # Another thread may forget them meanwhile.
        if known is None:
            # Without a lock: several threads may ask at first, but none waits for another's answer
            # beyond its own deadline.
            end = time.monotonic() + self._deadline
            found = self._repeat(
                lambda timeout, _: self._transport.signatures(timeout), "the signatures", end
            )
            # The server lists an internal one, which cannot be asked.
            known = {n: s for n, s in found.items() if not n.startswith("__")}
            self._signatures = known
        return known

    def run(self, name, signature, inputs):
        """Gets the answer to all rows.

        Args:
            name: Name of the signature.
            signature: The `ServedSignature` of that name.
            inputs: Dict of input name to array of N rows, N at least 1.

        Returns:
            Dict of output name to array of N rows, without `error`.

        Raises:
            ServingError: One of `zoo.serving.client.errors`.
        """
        self.check_open()
        call = _Call(name, signature, time.monotonic() + self._deadline)
        size = min(self._max_batch_size, most_rows(signature, inputs))
        try:
            if num_rows(inputs) <= size:
                return self._run_part(call, inputs, 0)
            return self._run_parts(call, inputs, size)
        except ServingError as error:
            failure = error.__cause__
            if isinstance(failure, Failure) and failure.may_mean_other_signatures:
                self._signatures = None  # To be asked for anew.
            raise
        except (concurrent.futures.CancelledError, RuntimeError):
            self.check_open()  # Closed by another thread, which ended the pool.
            raise

    def close(self):
        """Closes the connections; what is in flight fails."""
        with self._pool_lock:
            self._is_closed = True
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
        self._transport.close()

    def check_open(self):
        """Raises `ServingError` if the client was closed."""
        if self._is_closed:
            raise ServingError(f"{self._where}: the client was closed. Make a new one.")

    def _run_parts(self, call, inputs, size):
        futures = [
            self._executor().submit(self._run_part, call, part, first_row)
            for first_row, part in split(inputs, size)
        ]
        try:
            return join([future.result() for future in futures])
        finally:
            for future in futures:  # After an error nobody wants the rest.
                future.cancel()

    def _run_part(self, call, inputs, first_row):
        count = num_rows(inputs)

        def request(timeout, is_crowded):
            # Of the most rows that the server takes, a request has its batch for itself. If it
            # takes more than this client sends, there is at least room for fewer others.
            sent = fill_up(inputs, self._max_batch_size) if is_crowded else inputs
            outputs = self._transport.predict(call.name, sent, call.signature, timeout)
            missing = sorted(set(call.signature.outputs) - set(outputs))
            if missing:
                raise Failure("INTERNAL", f"{UNREADABLE}: it has no {missing}")
            # A number alone, which no model of the zoo gives, is found by `_check`.
            return {
                name: values[:count] if values.ndim else values for name, values in outputs.items()
            }

        try:
            outputs = self._repeat(request, f"`{call.name}`", call.end)
        except Failure as failure:  # More rows than the server takes.
            size = failure.largest_batch
            if size < 1:
                raise failure.as_error(self._name(call.name)) from failure
            self._max_batch_size = min(self._max_batch_size, size)
            pieces = [
                self._run_part(call, piece, first_row + row) for row, piece in split(inputs, size)
            ]
            return join(pieces)
        self._check(call, outputs, count, first_row)
        return outputs

    def _check(self, call, outputs, count, first_row):
        """Raises if a row was refused, or there are not as many as were asked for."""
        for row, error in enumerate(outputs.pop("error", ())):
            if error:
                message = error.decode("utf-8", "replace")
                where = f"{self._name(call.name)}: row {first_row + row}"
                raise InvalidInputError(f"{where}: {message.removeprefix(MARK).strip()}")
        for name, values in outputs.items():
            if values.shape[:1] != (count,):
                raise ServingError(
                    f"{self._name(call.name)}: {count} rows were asked for, and `{name}` came "
                    f"with shape {list(values.shape)}. Was this model exported by the zoo?"
                )

    def _repeat(self, request, what, end):
        def request_if_open(timeout, is_crowded):
            self.check_open()  # It may have been closed between two attempts.
            return request(timeout, is_crowded)

        return repeat(request_if_open, self._name(what), end, self._max_retries)

    def _name(self, what):
        return f"{what} of {self._where}"

    def _executor(self):
        with self._pool_lock:
            self.check_open()
            if self._pool is None:
                self._pool = concurrent.futures.ThreadPoolExecutor(
                    _PARTS_IN_FLIGHT, thread_name_prefix="vae-zoo-client"
                )
            return self._pool
