"""Sizes the server's batches by a short measurement of the exported model."""

import functools
import os
import time

import numpy as np

from zoo.serving import warmup
from zoo.serving.check import open_session
from zoo.serving.server_configuration import SMALLEST_BATCH, Batching, batch_sizes

__all__ = ["LARGEST_BATCH", "choose_batching", "measure_batches"]

LARGEST_BATCH = 64
_ENOUGH = 0.9  # Of the most images a second: larger batches would only make requests wait.
_MOST_RUNS = 50
_PART_OF_A_RUN = 4  # A lone request waits a quarter of its own time for others.
_TIMEOUT_MICROS = (100, 10_000)


def measure_batches(path, largest=LARGEST_BATCH, seconds_each=0.3):
    """Measures how long `serving_default` takes for batches of 1, 2, 4, ... rows, on the CPU.

    The graph runs in a session as in a server, without its gRPC. The rows are copies of the
    model's own warm-up request.

    Args:
        path: Folder of a SavedModel that the zoo exported.
        largest: Rows of the largest batch, a power of two.
        seconds_each: For each size, after one run that is not counted.

    Returns:
        A dict of number of rows to seconds, the least of several runs: what else the machine does
        only adds to it. It ends early after a batch that took longer than a second.

    Raises:
        ValueError, tf.errors.OpError: The model cannot be read or run.

    Example:
        >>> choose_batching([measure_batches("conv_draw/1")], num_threads=8)
    """
    path = os.fspath(path)
    row = dict(reversed(warmup.read(path))).get("serving_default")
    if row is None:
        raise ValueError("it has no warm-up request for serving_default, with which to measure it.")
    seconds = {}
    with open_session(path) as answer:
        for size in batch_sizes(largest):
            inputs = {name: np.repeat(value[:1], size, axis=0) for name, value in row.items()}
            run = functools.partial(answer, "serving_default", inputs)
            seconds[size] = _least_time(run, seconds_each)
            if seconds[size] > 1.0:
                break
    return seconds


def _least_time(run, seconds):
    run()
    times = []
    while len(times) < 3 or (sum(times) < seconds and len(times) < _MOST_RUNS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def choose_batching(measurements, num_threads):
    """Chooses batch size and timeout from measurements of all models of a server.

    The largest batch is the smallest that reaches 90% of the most images a second, for the model
    that gains the longest, but never below 2, which every warm-up needs. The timeout is a quarter
    of the time of one row, of the fastest model. A server looks for batches whose time is up once a
    millisecond, so a lone request waits up to a millisecond longer than that.

    Args:
        measurements: Of each model a dict as in `measure_batches`.
        num_threads: Number of batches to run at the same time: of the CPUs.

    Returns:
        A `Batching`.
    """
    micros = 1e6 * min(seconds[1] for seconds in measurements) / _PART_OF_A_RUN
    return Batching(
        max_batch_size=max(SMALLEST_BATCH, *map(_smallest_that_suffices, measurements)),
        timeout_micros=int(round(np.clip(micros, *_TIMEOUT_MICROS), -2)),
        num_threads=num_threads,
    )


def _smallest_that_suffices(seconds):
    images_a_second = {size: size / time for size, time in seconds.items()}
    enough = _ENOUGH * max(images_a_second.values())
    return min(size for size, rate in images_a_second.items() if rate >= enough)
