"""Times the data pipelines against the training step that takes the most examples.

    python benchmarks/data_pipelines.py                  # every data set, at most 10 minutes
    python benchmarks/data_pipelines.py --quick digits   # a short look at one
    python benchmarks/data_pipelines.py --list           # the names

Each data set has a process of its own. First windows of the training step of the smallest ConvDRAW
on a batch held in memory, with no pipeline beside it; then the pipeline runs for two epochs, and
its memory is read; then windows of the pipeline alone, straight after each other. See README.md.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
BATCH_SIZE = 64
SMALLEST = {"num_steps": 1, "filters": 8, "latent_filters": 1, "kernel_size": 3}
MADE_UP = "made up"  # Pictures of the set's size and format, read from disk as the set would be.
# What is timed: name and options of `training.datasets.load`.
PIPELINES = {
    "digits": ("digits", {}),
    "mnist": ("mnist", {}),
    "mnist, binarised": ("mnist", {"binarize": "static"}),
    "mnist, dequantised": ("mnist", {"dequantize": True}),
    "color_mnist": ("color_mnist", {}),
    "mnist_triplets": ("mnist_triplets", {}),
    "mnist_sum": ("mnist_sum", {}),
    "mnist_sum_hard": ("mnist_sum_hard", {}),
    "mnist_rotate": ("mnist_rotate", {}),
    "cifar10": ("cifar10", {}),
    "celeb_a, made-up pictures": ("celeb_a", MADE_UP),
    "lsun, made-up pictures": ("lsun", MADE_UP),
}
NUM_WARM_UP = 1000  # Batches of a pipeline before its memory is first read: the allocator settles.
FULL = {"num_rounds": 5, "seconds": 3.0}
QUICK = {"num_rounds": 3, "seconds": 0.5}


# === In the process of one data set ===


def measure(name, options, rounds):
    """Measures one data set; returns the results as a dict, or why it cannot be loaded."""
    sys.path.insert(0, str(HERE.parent))
    with tempfile.TemporaryDirectory() as folder:
        try:
            data = load(name, options, folder)
        except FileNotFoundError as error:  # Not prepared, and no network.
            return {"skipped": str(error)}
        return measure_loaded(data, options, rounds)


def load(name, options, folder):
    """Loads a data set; what must be made up for it is kept in the folder."""
    if options == MADE_UP:
        import made_up_pictures

        return made_up_pictures.load(name, folder)
    from training import datasets

    return datasets.load(name, **options)


def measure_loaded(data, options, rounds):
    """Measures a data set that is loaded; returns the results as a dict."""
    # The step is timed before there is a pipeline, which would go on reading ahead beside it.
    step = make_step(data, next(iter(data.batches("train", BATCH_SIZE))))
    step()  # Compiles.
    step_seconds = time_windows(step, **rounds)
    batches = iter(data.train_batches(BATCH_SIZE, seed=0))
    memory = measure_memory(batches, data.num_examples["train"] // BATCH_SIZE)
    batch_seconds = time_windows(lambda: next(batches), **rounds)
    pipeline, training = (
        [BATCH_SIZE / s for s in found] for found in (batch_seconds, step_seconds)
    )
    return {
        "options": options,
        "image_shape": data.image_shape,
        "context_shape": data.context_shape,
        "train_examples": data.num_examples["train"],
        "memory_mb": memory,
        "seconds": {"pipeline": batch_seconds, "step": step_seconds},
        "pipeline_examples_per_second": statistics.median(pipeline),
        "step_examples_per_second": statistics.median(training),
        "ratio": {
            "low": min(pipeline) / max(training),
            "median": statistics.median(pipeline) / statistics.median(training),
            "high": max(pipeline) / min(training),
        },
    }


def measure_memory(batches, steps_per_epoch):
    """Returns the resident memory in MB after warm-up and after each of two epochs."""
    memory = []
    for num_batches in (NUM_WARM_UP, steps_per_epoch, steps_per_epoch):
        for _ in range(num_batches):
            next(batches)
        memory.append(resident_memory())
    return dict(zip(("warm", "epoch_1", "epoch_2"), memory, strict=True))


def resident_memory():
    """Returns the resident memory of this process in MB, as Linux counts it."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def make_step(data, batch):
    """Makes a training step of the smallest ConvDRAW on a batch in memory, as `fit` runs it."""
    import keras
    import tensorflow as tf

    import zoo

    keras.utils.set_random_seed(0)
    model = zoo.ConvDRAW(data.image_shape, context_shape=data.context_shape, **SMALLEST)
    tolerance = zoo.constraints.ReconstructionError(tolerance=0.1)
    model.compile(keras.optimizers.Adam(1e-3), objective=zoo.GECO(tolerance))
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    model.make_train_function()
    return lambda: float(model.train_function(batches)["loss"])


def time_windows(function, num_rounds, seconds):
    """Times windows of calls, one after the other; returns the seconds of a call of each."""
    time_window(function, seconds)  # Empties what was read ahead.
    return [time_window(function, seconds) for _ in range(num_rounds)]


def time_window(function, seconds):
    """Calls the function for so many seconds; returns the seconds of one call."""
    start = time.perf_counter()
    num_calls = 0
    while (elapsed := time.perf_counter() - start) < seconds:
        function()
        num_calls += 1
    return elapsed / num_calls


# === The process that starts them ===


def measure_apart(label, rounds):
    """Measures one data set in a process of its own."""
    task = json.dumps([*PIPELINES.get(label, (label, {})), rounds])
    done = subprocess.run(
        [sys.executable, __file__, "--measure", task],
        capture_output=True,
        text=True,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"} | os.environ,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("ANSWER "):
            return json.loads(line.removeprefix("ANSWER "))
    raise RuntimeError(f"The process of {label!r} failed:\n{done.stderr[-3000:]}")


def make_table(results):
    """Returns the results as a Markdown table."""
    rows = [
        "| data set | pipeline, examples/s | step, examples/s | ratio (least to most) "
        "| memory after warm-up, epoch 1, epoch 2 (MB) |",
        "|---|--:|--:|--:|--:|",
    ]
    for label, result in results.items():
        if "skipped" in result:
            rows.append(f"| {label} | not here | | | |")
            continue
        ratio, memory = result["ratio"], result["memory_mb"]
        rows.append(
            f"| {label} | {result['pipeline_examples_per_second']:,.0f} "
            f"| {result['step_examples_per_second']:,.0f} "
            f"| {ratio['median']:.1f} ({ratio['low']:.1f} to {ratio['high']:.1f}) "
            f"| {', '.join(f'{value:,.0f}' for value in memory.values())} |"
        )
    return "\n".join(rows)


def versions():
    """Returns the versions of what is measured, without importing TensorFlow here."""
    from importlib.metadata import version

    return {name: version(name) for name in ("tensorflow", "keras", "vae-zoo")}


def main():
    """Runs the benchmark, prints its table and writes its JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="data sets; default: all of --list")
    parser.add_argument("--list", action="store_true", help="show the names")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter windows")
    parser.add_argument("--output", help="JSON file (default: benchmarks/results/...)")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # What the started processes do.
    arguments = parser.parse_args()
    if arguments.measure:
        print("ANSWER " + json.dumps(measure(*json.loads(arguments.measure))), flush=True)
        return
    if arguments.list:
        print("\n".join(PIPELINES))
        return
    from train_step import _cpu_model

    name = f"data_pipelines{'_quick' * arguments.quick}.json"
    output = pathlib.Path(arguments.output or HERE / "results" / name)
    rounds = QUICK if arguments.quick else FULL
    report = {
        "date": datetime.date.today().isoformat(),
        "quick": arguments.quick,
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load_average_before": os.getloadavg(),
        "python": platform.python_version(),
        "versions": versions(),
        "batch_size": BATCH_SIZE,
        "model": SMALLEST,
        "rounds": rounds,
        "data_sets": {},
    }
    for label in arguments.names or PIPELINES:
        print(f"measuring {label} ...", file=sys.stderr, flush=True)
        result = report["data_sets"][label] = measure_apart(label, rounds)
        if "skipped" in result:
            print(f"  skipped: {result['skipped']}", file=sys.stderr)
    report["load_average_after"] = os.getloadavg()
    print(f"{report['cpu']}, {report['cores']} cores, {report['versions']}\n")
    print(make_table(report["data_sets"]))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwritten to {output}")


if __name__ == "__main__":
    main()
