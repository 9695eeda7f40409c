"""Groups the requests to one signature into batches, as `--enable_batching` does."""

import dataclasses
import threading
import time

import numpy as np

from tests.zoo.serving.double.refusal import Refusal

__all__ = ["Batcher", "check_size"]


@dataclasses.dataclass(eq=False)
class _Task:
    inputs: dict
    num_rows: int
    end: float  # As in `time.monotonic()`.
    done: threading.Event = dataclasses.field(default_factory=threading.Event)
    outputs: dict | None = None
    refusal: Refusal | None = None


class Batcher:
    """A queue and the thread that empties it.

    Args:
        run: From a dict of arrays to a dict of arrays; raises `Refusal`.
        max_batch_size: The most rows of a batch, and so of a request.
        allowed_batch_sizes: Ascending sizes that batches are padded to; the last is the largest.
        batch_timeout: Seconds to wait for more requests after the first.
    """

    def __init__(self, run, max_batch_size, allowed_batch_sizes, batch_timeout):
        self._run = run
        self._max_batch_size = max_batch_size
        self._allowed_batch_sizes = allowed_batch_sizes
        self._batch_timeout = batch_timeout
        self._changed = threading.Condition()
        self._tasks = []
        self._is_closed = False
        self.batches = []  # The numbers of rows of each batch's requests.
        self._thread = threading.Thread(target=self._work, name="double-batcher", daemon=True)
        self._thread.start()

    def ask(self, inputs, timeout):
        """Answers one request, with whatever others come.

        The caller's thread is held until its batch has run, also past the timeout: one of no rows
        waits for others with rows.
        """
        task = _Task(inputs, _num_rows(inputs), time.monotonic() + timeout)
        check_size(task.num_rows, self._max_batch_size)
        with self._changed:
            self._tasks.append(task)
            self._changed.notify_all()
        task.done.wait()
        if task.refusal:
            raise task.refusal
        return task.outputs

    def close(self):
        """Ends the thread, and lets those go who still wait."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()
        for task in self._tasks:
            task.refusal = Refusal("UNAVAILABLE", "The server is shutting down.")
            task.done.set()

    def _work(self):
        while batch := self._take():
            self.batches.append([task.num_rows for task in batch])
            try:
                self._process(batch)
            except Refusal as refusal:
                for task in batch:
                    task.refusal = refusal
            except Exception as error:  # A fault of the double: tests look for it.
                for task in batch:
                    task.refusal = Refusal("UNKNOWN", f"The double crashed: {error!r}")
            for task in batch:
                task.done.set()

    def _take(self):
        """Waits for a batch; requests of no rows alone do not make one."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._waiting_rows() > 0)
            self._changed.wait_for(
                lambda: self._is_closed or self._waiting_rows() >= self._max_batch_size,
                self._batch_timeout,
            )
            if self._is_closed:
                return []
            batch, total = [], 0
            while self._tasks and total + self._tasks[0].num_rows <= self._max_batch_size:
                batch.append(self._tasks.pop(0))
                total += batch[-1].num_rows
            return batch or [self._tasks.pop(0)]

    def _waiting_rows(self):
        return sum(task.num_rows for task in self._tasks)

    def _process(self, batch):
        if all(task.end < time.monotonic() for task in batch):
            message = "Run() timeout exceeded while waiting in batching queue"
            raise Refusal("RESOURCE_EXHAUSTED", message)
        total = sum(task.num_rows for task in batch)
        padding = next(size for size in self._allowed_batch_sizes if size >= total) - total
        merged = {}
        for name in batch[0].inputs:
            parts = [task.inputs[name] for task in batch]
            for part in parts[1:]:
                if part.shape[1:] != parts[0].shape[1:]:
                    raise Refusal(
                        "FAILED_PRECONDITION",
                        f"Tensors with name '{name}:0' from different tasks have different shapes "
                        "and padding is turned off. Set pad_variable_length_inputs to true, or "
                        "ensure that all tensors with the same name have equal dimensions starting "
                        "with the first dim.",
                    )
            if padding:
                parts.append(np.repeat(parts[-1][:1], padding, axis=0))
            if len({part.dtype for part in parts}) > 1:
                raise Refusal(
                    "INTERNAL",
                    "Tensor concat operation failed: INVALID_ARGUMENT: Cannot concatenate tensors "
                    "that have different data types.",
                )
            merged[name] = np.concatenate(parts)
        outputs = self._run(merged)
        for values in outputs.values():
            if values.shape[:1] != (total + padding,):
                raise Refusal(
                    "FAILED_PRECONDITION",
                    "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                    "dimension sizes of the input tensors",
                )
        first = 0
        for task in batch:
            rows = slice(first, first := first + task.num_rows)
            task.outputs = {name: values[rows] for name, values in outputs.items()}


def _num_rows(inputs):
    shapes = [values.shape for values in inputs.values()]
    if any(shape == () for shape in shapes):
        raise Refusal(
            "INVALID_ARGUMENT", "Batching Run() input tensors must have at least one dimension"
        )
    if len({shape[0] for shape in shapes}) > 1:
        raise Refusal(
            "INVALID_ARGUMENT", "Batching Run() input tensors must have equal 0th-dimension size"
        )
    return shapes[0][0]


def check_size(num_rows, max_batch_size):
    """Refuses a request of more rows than a batch may have."""
    if num_rows > max_batch_size:
        raise Refusal(
            "INVALID_ARGUMENT",
            f"Task size {num_rows} is larger than maximum input batch size {max_batch_size}",
        )
