"""Checks a GPU's results against the CPU's, then times every architecture on it.

    python benchmarks/gpu.py                        # every architecture at its recipe's size
    python benchmarks/gpu.py --device cpu --quick   # a CPU instead, small: to see that it works
    python benchmarks/gpu.py --recipes conv_vae_mnist nvp_vae_cifar10 --output gpu.json

The check: with equal weights, images and seeds, in float32 without TF32, what the device answers
(`infer`, `log_prob`, `sample`, the loss and gradients of a training step), with and without XLA,
against a CPU without XLA. Then images a second of training steps and of sampling, in float32 as
TensorFlow does it by default (on a GPU its products are TF32's) and in mixed_bfloat16, with and
without `jit_compile`, beside the fastest product that the device does. Each recipe has a process of
its own: all prepare at once, then they are timed one after the other. See README.md.
"""

import argparse
import contextlib
import functools
import importlib
import json
import multiprocessing
import os
import pathlib
import queue
import statistics
import threading
import time
import types

import keras
import numpy as np
import tensorflow as tf
from architectures import forward_operations

import zoo
from training import kinds
from training.recipes import find_recipe

HERE = pathlib.Path(__file__).parent
RECIPES = (
    *("conv_vae_mnist", "nvp_vae_cifar10", "conv_draw_mnist", "conv_draw_cifar10"),
    *("sequential_vae_cifar10", "infusion_cifar10", "pixel_vae_cifar10", "classifier_cifar10"),
)
QUICK_RECIPES = ("conv_vae_digits", "conv_draw_digits", "classifier_digits")
# On small grids ConvDRAW convolves by products in frequency space; "direct" does without.
CONVOLUTIONS = ("in frequency space", "direct")
DTYPES = ("float32", "mixed_bfloat16")
# Of the largest magnitude. Sums over images and pixels are taken in another order on each device.
TOLERANCES = {"answers": 1e-4, "gradients": 1e-3}
CHECKED_IMAGES = 8
SAMPLED_IMAGES = (1, 64)
LARGE_BATCH = 1024


# === Models ===


def image_shape_of(recipe):
    """Returns the shape of the images of a recipe's data set."""
    return {"digits": (16, 16, 1), "cifar10": (32, 32, 3)}.get(recipe.data["name"], (28, 28, 1))


def make_model(recipe, dtype):
    """Makes a recipe's model under a policy; a classifier's training step computes in the dtype."""
    if not kinds.of_recipe(recipe).draws_images:
        arguments = recipe.objective["arguments"]
        arguments["training_dtype"] = dtype.removeprefix("mixed_")
        dtype = "float32"
    keras.config.set_dtype_policy(dtype)
    data = types.SimpleNamespace(
        image_shape=image_shape_of(recipe), context_shape=None, num_classes=10, name="noise"
    )
    return kinds.make_model(recipe, data)


def make_images(recipe, num):
    """Makes noise in the form of a recipe's images."""
    return np.random.default_rng(0).random((num, *image_shape_of(recipe)), np.float32)


def make_batch(recipe, num):
    """Makes noise in the form of a recipe's batches: images, for a classifier with labels."""
    images = make_images(recipe, num)
    return (images, np.arange(num) % 10) if not kinds.of_recipe(recipe).draws_images else images


def train_function(model, recipe, num, jit_compile):
    """Returns the step that `fit` runs, on a batch that is there already; it returns its logs."""
    model.jit_compile = jit_compile
    model.make_train_function(force=True)
    batch = make_batch(recipe, num)
    return functools.partial(
        model.train_function, iter(tf.data.Dataset.from_tensors(batch).repeat())
    )


def sampler(model, num, jit_compile):
    """Returns a function of a seed that draws images; a classifier's answers some."""
    if not hasattr(model, "sample"):
        images = tf.random.uniform([num, *model.image_shape])
        return tf.function(
            lambda seed: model(images + 0.0 * tf.cast(seed[0], tf.float32)), jit_compile=jit_compile
        )
    return tf.function(lambda seed: model.sample(num, seed=seed), jit_compile=jit_compile)


# === The check ===


def answers(recipe, jit_compile):
    """Returns what a model of fixed weights answers, a dict of arrays."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    model = make_model(recipe, "float32")
    _set_weights(model)
    batch = make_batch(recipe, CHECKED_IMAGES)
    ask = tf.function(functools.partial(_ask, model), jit_compile=jit_compile)
    result = {name: value.numpy() for name, value in ask(batch, tf.constant([1, 2])).items()}
    is_latent_model = isinstance(model, zoo.LatentImageModel)
    own = {"objective": model.objective} if is_latent_model else {}
    # With a rate of 1 the step of plain gradient descent is the gradient.
    model.compile(keras.optimizers.SGD(1.0), **own)
    before = [weight.numpy() for weight in model.trainable_weights]
    logs = train_function(model, recipe, CHECKED_IMAGES, jit_compile)()
    result["loss"] = np.asarray(logs["loss"])
    for index, weight in enumerate(model.trainable_weights):
        result[f"gradient {index}"] = before[index] - weight.numpy()
    return result


def _ask(model, batch, seed):
    if isinstance(model, zoo.LatentImageModel):
        record = model.infer(batch, seed=seed)
        return {
            "rate": record.rate,
            "distortion": record.distortion,
            "log_prob": model.log_prob(batch, num_samples=2, seed=seed),
            "sample": model.sample(CHECKED_IMAGES, seed=seed),
        }
    if isinstance(batch, tuple):
        return {"answer": model(batch[0])}
    return {
        "reconstruction": model.reconstruct(batch, seed=seed),
        "sample": model.sample(CHECKED_IMAGES, seed=seed),
    }


def _set_weights(model):
    """Sets weights that do not depend on a device's random numbers, and hide no part by zeros."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 1000
        weight.assign(rng.standard_normal(weight.shape) * 0.7 / np.sqrt(fan_in))


def compare(ours, reference):
    """Returns the largest difference of each kind of answer, over its largest magnitude.

    Pixels that are drawn, each given those before, can differ altogether where rounding moves one
    over the threshold between two levels: of "sample" the median over the images counts.
    """
    differences = {}
    for name, expected in reference.items():
        error = np.abs(ours[name] - expected)
        if name == "sample":
            error = np.median(error.reshape(len(error), -1).max(axis=1))
        kind = "gradients" if name.startswith("gradient") else name
        relative = float(np.max(error) / max(np.abs(expected).max(), 1e-12))
        # Unequal where it is not a number: max() would pass over it.
        relative = relative if np.isfinite(relative) else float("inf")
        differences[kind] = max(differences.get(kind, 0.0), relative)
    return differences


def is_within(differences):
    """Whether all differences are within the tolerances."""
    return all(d <= TOLERANCES.get(kind, TOLERANCES["answers"]) for kind, d in differences.items())


# === Timing ===


def seconds_of(launch, window):
    """Returns the median seconds of a call, over five windows of so many seconds."""
    _wait(launch())
    start = time.perf_counter()
    _wait(launch())
    calls = max(1, round(window / (time.perf_counter() - start)))
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(calls):
            result = launch()
        _wait(result)
        taken.append((time.perf_counter() - start) / calls)
    return statistics.median(taken)


def _wait(result):
    """Waits for the device: what was launched before has then been done, too."""
    float(tf.reshape(tf.nest.flatten(result)[0], [-1])[0])


def peaks(size, window):
    """Measures the most GFLOP/s of a large matrix product or convolution, by kind of product."""
    result = {}
    for name, dtype, tf32 in (
        ("float32 without TF32", "float32", False),
        ("float32", "float32", True),
        ("mixed_bfloat16", "bfloat16", True),
    ):
        tf.config.experimental.enable_tensor_float_32_execution(tf32)
        matrix = tf.cast(tf.random.normal([size, size]), dtype)
        images = tf.cast(tf.random.normal([size // 16, 32, 32, 256]), dtype)
        kernel = tf.cast(tf.random.normal([3, 3, 256, 256]), dtype)
        product = tf.function(lambda a: tf.matmul(a, a))
        convolution = tf.function(lambda a, b: tf.nn.conv2d(a, b, 1, "SAME"))
        operations = 2 * images.shape.num_elements() * 9 * 256
        result[name] = {
            "product": 2e-9 * size**3 / seconds_of(lambda p=product, m=matrix: p(m), window),
            "convolution": 1e-9
            * operations
            / seconds_of(lambda c=convolution, i=images, k=kernel: c(i, k), window),
        }
    return result


class Timers:
    """What there is to time of a recipe, each run once, so that it is compiled.

    Args:
        recipe: The `Recipe`.
        batch_sizes: Of the training steps.
    """

    def __init__(self, recipe, batch_sizes):
        self._launches = []
        for dtype in DTYPES:
            model = make_model(recipe, dtype)
            forward = 3e-9 * forward_operations(model, make_images(recipe, 1))
            for jit_compile in (False, True):
                variant = {"dtype": dtype, "jit_compile": jit_compile}
                for num in batch_sizes:
                    step = functools.partial(train_function, model, recipe, num, jit_compile)
                    row = variant | {"what": "training", "images": num, "gigaflops": num * forward}
                    self._add(row, step)
                for num in SAMPLED_IMAGES:
                    draw = functools.partial(sampler, model, num, jit_compile)
                    row = variant | {"what": "sampling", "images": num}
                    self._add(row, lambda draw=draw: functools.partial(draw(), tf.constant([0, 0])))

    def _add(self, row, make):
        start = time.perf_counter()
        try:
            launch = make()
            _wait(launch())
        except (tf.errors.OpError, ValueError, TypeError) as error:
            row, launch = row | {"failed": str(error).strip().splitlines()[0]}, None
        self._launches.append((row | {"seconds_to_prepare": time.perf_counter() - start}, launch))

    def rows(self, window):
        """Yields a row for each, with the seconds of a call and images a second."""
        for row, launch in self._launches:
            if launch is None:
                yield row
                continue
            seconds = seconds_of(launch, window)
            yield row | {"seconds": seconds, "images_per_second": row["images"] / seconds}


# === Processes ===


def _use(device):
    """Has this process compute on the device alone, taking memory as it needs it."""
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    for gpu in tf.config.get_visible_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def _answer(name, device, jit_compile, results):
    """A process: sends a recipe's answers on a device."""
    _use(device)
    results.put(("answers", name, (device, jit_compile), answers(find_recipe(name), jit_compile)))


def _time(name, convolution, settings, prepared, turn, results):
    """A process: prepares a recipe's timers, waits for the others, and sends a row for each."""
    _use(settings["device"])
    if convolution is not None:
        module = importlib.import_module("zoo.layers.grid_convolution")
        saves_multiplications = module._is_worthwhile
        module._is_worthwhile = lambda *sizes: (
            convolution != "direct" and saves_multiplications(*sizes)
        )
    recipe = find_recipe(name)
    batch_sizes = (recipe.batch_size, *settings["more_batch_sizes"])
    timers = Timers(recipe, batch_sizes)
    with contextlib.suppress(threading.BrokenBarrierError):
        prepared.wait()
    with turn:
        for row in timers.rows(settings["window"]):
            results.put(("row", name, convolution, row))


def _time_peaks(settings, prepared, turn, results):
    """A process: sends the device's name and the fastest products."""
    _use(settings["device"])
    with contextlib.suppress(threading.BrokenBarrierError):
        prepared.wait()
    with turn:
        gpus = tf.config.get_visible_devices("GPU")
        details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
        name = details.get("device_name", settings["device"])
        results.put(("peaks", name, None, peaks(settings["peak_size"], settings["window"])))


def run(processes, report, on_message, write, results, deadline):
    """Starts processes and takes their messages until all have ended or time is up."""
    for process in processes:
        process.start()
    while time.monotonic() < deadline:
        alive = any(process.is_alive() for process in processes)
        try:
            message = results.get(timeout=0.5)
        except queue.Empty:
            if not alive:
                break
            continue
        on_message(report, *message)
        write(report)
    for process in processes:
        if process.is_alive():
            report["failures"].append(f"{process.name} was not done in time")
            process.terminate()
        elif process.exitcode:
            report["failures"].append(f"{process.name} ended with {process.exitcode}")
    write(report)


def _take_row(report, kind, name, detail, value):
    if kind == "peaks":
        report["device"], report["peak_gigaflops"] = name, value
        return
    report["rows"].append({"recipe": name, "convolution": detail} | value)


def _take_answers(kept, report, kind, name, detail, value):
    del kind
    kept[name, *detail] = value
    for (recipe, device, jit_compile), ours in kept.items():
        reference = kept.get((recipe, "cpu", False))
        key = f"{recipe}, {device}{', XLA' * jit_compile}"
        if reference is None or key in report["checks"] or (device, jit_compile) == ("cpu", False):
            continue
        differences = compare(ours, reference)
        report["checks"][key] = {"differences": differences, "passed": is_within(differences)}
        print(key, report["checks"][key], flush=True)


# === Report ===


def table(report):
    """Returns the rows in Markdown: images a second, with XLA in brackets."""
    fastest = {name: max(of_kind.values()) for name, of_kind in report["peak_gigaflops"].items()}
    lines = [
        "| recipe | what | dtype | images/s | share of peak | with XLA | share of peak |",
        "|---|---|---|---|---|---|---|",
    ]
    cells = {}
    for row in report["rows"]:
        name = row["recipe"] + (f", {row['convolution']}" if row["convolution"] else "")
        key = (name, f"{row['what']}, {row['images']} images", row["dtype"])
        share = ""
        if "gigaflops" in row and "seconds" in row and row["dtype"] in fastest:
            share = f"{row['gigaflops'] / row['seconds'] / fastest[row['dtype']]:.2%}"
        speed = f"{row['images_per_second']:,.0f}" if "seconds" in row else "failed"
        cells.setdefault(key, {})[row["jit_compile"]] = (speed, share)
    for key, of_row in cells.items():
        lines.append(
            "| " + " | ".join([*key, *of_row.get(False, ("", "")), *of_row.get(True, ("", ""))])
        )
        lines[-1] += " |"
    return "\n".join(lines)


def main():
    """Runs the check and the benchmark, prints the tables and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--recipes", nargs="+", help="default: one or two of each architecture")
    parser.add_argument("--quick", action="store_true", help="small recipes, short windows")
    parser.add_argument("--minutes", type=float, default=30.0, help="after which it stops")
    parser.add_argument("--skip-check", action="store_true", help="time only")
    parser.add_argument("--output", default=str(HERE / "results" / "gpu.json"))
    given = parser.parse_args()
    deadline = time.monotonic() + 60.0 * given.minutes
    if given.device == "gpu" and not tf.config.list_physical_devices("GPU"):
        parser.error("TensorFlow sees no GPU; --device cpu runs the benchmark without one.")
    names = given.recipes or (QUICK_RECIPES if given.quick else RECIPES)
    settings = {
        "device": given.device,
        "window": 0.02 if given.quick else 0.2,
        "more_batch_sizes": () if given.quick else (LARGE_BATCH,),
        "peak_size": 1024 if given.quick else 8192,
    }
    report = {
        "device": given.device,
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
        "tolerances": TOLERANCES,
        "checks": {},
        "peak_gigaflops": {},
        "rows": [],
        "failures": [],
    }
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    def write(report):
        pathlib.Path(given.output).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    variants = sorted({("cpu", False), (given.device, False), (given.device, True)})
    checks = [
        context.Process(target=_answer, args=(name, *variant, results), name=f"check of {name}")
        for name in names
        for variant in variants
    ]
    if not given.skip_check:
        take = functools.partial(_take_answers, {})
        run(checks, report, take, write, results, deadline)

    jobs = [
        (name, convolution)
        for name in names
        for convolution in (CONVOLUTIONS if name.startswith("conv_draw") else (None,))
    ]
    prepared, turn = (
        context.Barrier(len(jobs) + 1, timeout=0.5 * 60 * given.minutes),
        context.Lock(),
    )
    shared = (settings, prepared, turn, results)
    timing = [context.Process(target=_time_peaks, args=shared, name="peaks")]
    timing += [
        context.Process(target=_time, args=(*job, *shared), name=f"timing of {job}") for job in jobs
    ]
    run(timing, report, _take_row, write, results, deadline)
    print(table(report))
    passed = [check["passed"] for check in report["checks"].values()]
    print(f"checks passed: {sum(passed)} of {len(passed)}")
    for failure in report["failures"]:
        print(failure)
    print(f"written to {given.output}")


if __name__ == "__main__":
    main()
