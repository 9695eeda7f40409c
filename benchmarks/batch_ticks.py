"""Shows that a server with batching answers lone requests on a grid of about a millisecond.

    python benchmarks/batch_ticks.py            # a minute; quiet cores give a clearer picture

TensorFlow Serving batches by TensorFlow's `SharedBatchScheduler`, which the operation
`BatchFunction` runs in this process: no server, no client, no network, a graph that adds 1. Calls
follow each other after a pause, in which a client would read one answer and write the next request.
A batch that is full runs at once; one that waits for its timeout is found by threads that look once
a millisecond. So a longer pause is not added to the time from call to call but fills it up, until
it misses a tick and costs a whole one.
"""

import json
import os
import pathlib
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

RESULTS = pathlib.Path(__file__).resolve().parent / "results" / "batch_ticks.json"
LARGEST_BATCH = 64
TIMEOUTS_MICROS = (100, 1000)
PAUSES_MS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
CALLS = 500


def make_batched(timeout_micros):
    """Returns a function that adds 1 to a batch of rows, batched as a server does."""
    spec = tf.TensorSpec([None], tf.float32)

    @tf.function(input_signature=[spec])
    def add_one(rows):
        return rows + 1

    @tf.function(input_signature=[spec])
    def batched(rows):
        return tf.raw_ops.BatchFunction(
            in_tensors=[rows],
            captured_tensors=[],
            f=add_one.get_concrete_function(),
            num_batch_threads=2,
            max_batch_size=LARGEST_BATCH,
            batch_timeout_micros=timeout_micros,
            max_enqueued_batches=2 * LARGEST_BATCH,
            allowed_batch_sizes=[1, LARGEST_BATCH],
            shared_name=f"timeout-{timeout_micros}",
            Tout=[tf.float32],
        )

    return batched.get_concrete_function()


def pause(seconds):
    """Works for so long, as a client does, rather than sleep."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def cycle(function, num_rows, pause_ms):
    """Returns the time from call to call, pause included, in ms: the lower quartile."""
    rows, taken = tf.zeros([num_rows]), []
    for _ in range(CALLS):
        start = time.perf_counter()
        pause(pause_ms / 1e3)
        function(rows)
        taken.append(time.perf_counter() - start)
    return round(1e3 * float(np.percentile(taken, 25)), 2)


def main():
    """Prints the table and writes the JSON."""
    results = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "pauses_ms": PAUSES_MS}
    for timeout_micros in TIMEOUTS_MICROS:
        function = make_batched(timeout_micros)
        for num_rows in (1, LARGEST_BATCH):
            cycles = [cycle(function, num_rows, pause_ms) for pause_ms in PAUSES_MS]
            results[f"timeout {timeout_micros} us, {num_rows} rows"] = cycles
    print(json.dumps(results, indent=1))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
