"""Times the training step of one process on one core, and of two such that train together.

    python -m benchmarks.scaling            # about three minutes on two quiet cores
    python -m benchmarks.scaling --quick    # one round, nothing written

Each process has one core. Two are the workers of a MultiWorkerMirroredStrategy on 127.0.0.1, each
with the recipe's batch, so that twice the images make a step. Rounds alternate between one process
on either core and two. All-reduces of several sizes are timed by themselves: their latency and
bandwidth, and the step of one process, give what more workers would do, which is computed and not
measured: a ring of n workers takes 2 (n - 1) latencies and sends 2 (n - 1) / n times the bytes.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from benchmarks import processes

HERE = pathlib.Path(__file__).parent
NAMES = ("conv_vae_mnist", "conv_draw_mnist")
SIZES = (1_000, 1_000_000, 4_000_000)  # Numbers in an all-reduce, float32.
NUM_STEPS = 20
NUM_ROUNDS = 2
PROJECTED = (8, 64)


def work(name):
    """Trains a recipe on noise under TF_CONFIG, if it is set; prints seconds a step, and others."""
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    from training.runs import strategies

    is_together = "TF_CONFIG" in os.environ
    strategy = strategies.make_strategy("multi_worker" if is_together else None)
    from benchmarks.architectures import Step

    with strategy.scope():
        step = Step(name, (28, 28, 1))
    step.seconds(3)
    taken = [step.seconds() for _ in range(NUM_STEPS)]
    answer = {
        "seconds": taken,
        "batch_size": step.batch_size,
        "bytes": int(sum(4 * np.prod(w.shape) for w in step.model.trainable_weights)),
    }
    if is_together:
        answer["all_reduce_seconds"] = {size: _all_reduce(strategy, size) for size in SIZES}
    processes.give(answer)


def _all_reduce(strategy, size):
    """Returns the median of the seconds in which all workers add a vector up."""
    import tensorflow as tf

    def of_replica(value):
        vector = tf.fill([size], value)
        return tf.distribute.get_replica_context().all_reduce("sum", vector)[0]

    @tf.function(autograph=False)
    def add_up(value):
        return strategy.run(of_replica, (value,))

    value, taken = tf.constant(1.0), []
    for _ in range(12):
        start = time.perf_counter()
        float(add_up(value))
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[2:])


def run(name, cores):
    """Starts a process on each of these cores; returns what each answered."""
    workers = [f"127.0.0.1:{port}" for port in processes.free_ports(len(cores))]
    started = []
    for index, core in enumerate(cores):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        config = {"TF_CONFIG": json.dumps(task)} if len(cores) > 1 else {}
        command = [sys.executable, "-m", "benchmarks.scaling", "--work", name, "--core", str(core)]
        started.append(
            subprocess.Popen(
                command,
                env={**os.environ, **config},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
    try:
        return [processes.read(process.communicate()[0]) for process in started]
    finally:
        for process in started:  # One waits for ever where the other has failed.
            process.kill()


def measure(name, num_rounds):
    """Returns a recipe's images a second in one and in two processes, and the projection."""
    alone, together = [], []
    for _ in range(num_rounds):
        alone += [answer for core in (0, 1) for answer in run(name, [core])]
        together += run(name, [0, 1])
    seconds = [
        statistics.median(taken for answer in answers for taken in answer["seconds"])
        for answers in (alone, together)
    ]
    reduces = {
        size: statistics.median(answer["all_reduce_seconds"][str(size)] for answer in together)
        for size in SIZES
    }
    batch, num_bytes = alone[0]["batch_size"], alone[0]["bytes"]
    return {
        "batch_size_of_a_worker": batch,
        "bytes": num_bytes,
        "seconds_of_one": seconds[0],
        "seconds_of_two": seconds[1],
        "images_per_second": [batch / seconds[0], 2 * batch / seconds[1]],
        "times_as_fast": 2 * seconds[0] / seconds[1],
        "all_reduce_seconds": reduces,
        "computed_images_per_second": project(batch, num_bytes, seconds, reduces),
    }


def project(batch, num_bytes, seconds, reduces):
    """Computes images a second of more workers.

    A step takes what it takes alone, the all-reduce of a ring, and what two workers needed beyond
    both: waiting for the slower one, and the strategy's own work.

    Args:
        batch: Images of a worker and step.
        num_bytes: Of all gradients.
        seconds: Of a step of one worker and of two.
        reduces: By size, the seconds of an all-reduce between two.
    """
    latency, a_byte = ring(reduces)
    overhead = max(0.0, seconds[1] - seconds[0] - 2 * latency - num_bytes * a_byte)

    def step(num):
        reduce = 2 * (num - 1) * latency + 2 * (num - 1) / num * num_bytes * a_byte
        return seconds[0] + overhead + reduce

    return {num: num * batch / step(num) for num in PROJECTED}


def ring(reduces):
    """Returns the latency and the seconds a byte of a ring, of all-reduces between two workers."""
    small, large = min(reduces), max(reduces)
    a_byte = max(0.0, (reduces[large] - reduces[small]) / (4 * (large - small)))
    return max(0.0, (reduces[small] - 4 * small * a_byte) / 2), a_byte


def main():
    """Runs the benchmark, or is one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        os.sched_setaffinity(0, [given.core])
        work(given.work)
        return
    from training.runs import provenance

    report = {"commit": provenance.commit(), "machine": provenance.machine(), "recipes": {}}
    for name in NAMES[:1] if given.quick else NAMES:
        report["recipes"][name] = measure(name, 1 if given.quick else NUM_ROUNDS)
        print(name, json.dumps(report["recipes"][name]), flush=True)
    if not given.quick:
        path = HERE / "results" / "scaling.json"
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
