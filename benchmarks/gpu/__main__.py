"""Checks a GPU's results against the CPU's, then times every architecture on it.

    python -m benchmarks.gpu                        # every architecture at its recipe's size
    python -m benchmarks.gpu --device cpu --quick   # a CPU instead, small: to see that it works
    python -m benchmarks.gpu --recipes conv_vae_mnist nvp_vae_cifar10 --output gpu.json

The check: with equal weights, images and seeds, in float32 without TF32, what the device answers
(`infer`, `log_prob`, `sample`, the loss and gradients of a training step), with and without XLA,
against a CPU without XLA. Then images a second of training steps and of sampling, in float32 as
TensorFlow does it by default (on a GPU its products are TF32's) and in mixed_bfloat16, with and
without `jit_compile`, beside the fastest product that the device does. Each recipe has a process of
its own: all prepare at once, then they are timed one after the other. See README.md.
"""

import argparse
import functools
import json
import multiprocessing
import os
import pathlib
import time

import keras
import tensorflow as tf

from benchmarks.gpu.check import TOLERANCES, compare, is_within
from benchmarks.gpu.processes import answer, run, time_peaks, time_recipe

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "gpu.json"
RECIPES = (
    *("conv_vae_mnist", "nvp_vae_cifar10", "conv_draw_mnist", "conv_draw_cifar10"),
    *("sequential_vae_cifar10", "infusion_cifar10", "pixel_vae_cifar10", "classifier_cifar10"),
)
QUICK_RECIPES = ("conv_vae_digits", "conv_draw_digits", "classifier_digits")
# On small grids ConvDRAW convolves by products in frequency space; "direct" does without.
CONVOLUTIONS = ("in frequency space", "direct")
LARGE_BATCH = 1024


def main():
    """Runs the check and the benchmark, prints the tables and writes the JSON."""
    given = _parse()
    deadline = time.monotonic() + 60.0 * given.minutes
    names = given.recipes or (QUICK_RECIPES if given.quick else RECIPES)
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
        given.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    if not given.skip_check:
        take = functools.partial(_take_answers, {})
        processes = _checks(context, names, given.device, results)
        run(processes, report, take, write, results, deadline)
    run(_timings(context, names, given, results), report, _take_row, write, results, deadline)
    print(table(report))
    passed = [check["passed"] for check in report["checks"].values()]
    print(f"checks passed: {sum(passed)} of {len(passed)}")
    for failure in report["failures"]:
        print(failure)
    print(f"written to {given.output}")


def _parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--recipes", nargs="+", help="default: one or two of each architecture")
    parser.add_argument("--quick", action="store_true", help="small recipes, short windows")
    parser.add_argument("--minutes", type=float, default=30.0, help="after which it stops")
    parser.add_argument("--skip-check", action="store_true", help="time only")
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS)
    given = parser.parse_args()
    if given.device == "gpu" and not tf.config.list_physical_devices("GPU"):
        parser.error("TensorFlow sees no GPU; --device cpu runs the benchmark without one.")
    return given


def _checks(context, names, device, results):
    """Returns the processes of the check: each recipe on the CPU and on the device."""
    variants = sorted({("cpu", False), (device, False), (device, True)})
    return [
        context.Process(target=answer, args=(name, *variant, results), name=f"check of {name}")
        for name in names
        for variant in variants
    ]


def _timings(context, names, given, results):
    """Returns the processes that time: the device's fastest products, then each recipe."""
    settings = {
        "device": given.device,
        "window": 0.02 if given.quick else 0.2,
        "more_batch_sizes": () if given.quick else (LARGE_BATCH,),
        "peak_size": 1024 if given.quick else 8192,
    }
    jobs = [
        (name, convolution)
        for name in names
        for convolution in (CONVOLUTIONS if name.startswith("conv_draw") else (None,))
    ]
    prepared = context.Barrier(len(jobs) + 1, timeout=0.5 * 60 * given.minutes)
    shared = (settings, prepared, context.Lock(), results)
    return [
        context.Process(target=time_peaks, args=shared, name="peaks"),
        *(
            context.Process(target=time_recipe, args=(*job, *shared), name=f"timing of {job}")
            for job in jobs
        ),
    ]


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


if __name__ == "__main__":
    main()
