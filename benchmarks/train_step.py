"""Times ConvDRAW's training step: GECO against ELBO, and the zoo against PyTorch, in one run.

    python benchmarks/train_step.py              # at most 8 minutes on two quiet cores
    python benchmarks/train_step.py --quick      # at most 2: the default size, no torch.compile
    python benchmarks/train_step.py --threads 1  # on a machine with other work to do

The machine may be noisy, so everything is measured as ratios within rounds: a round runs every
variant for a few steps, one after the other, and the median over the rounds counts. See README.md.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
BATCH_SIZE = 64
SIZES = {
    "default": {"num_steps": 8, "filters": 32},
    "deep and narrow": {"num_steps": 32, "filters": 16},
}
ZOO = ("geco float32", "elbo float32", "geco bfloat16")
TORCH = ("eager float32", "eager bfloat16")
TORCH_COMPILED = ("compiled float32", "compiled bfloat16")
PARITY_TOLERANCE = 1e-4


class Framework:
    """A worker process.

    Args:
        module_name: `conv_draw_zoo` or `conv_draw_torch`.
        python: The interpreter to run it with.
        num_threads: Threads that the framework may compute with.
        worker: What the interpreter runs, before the module's name.
    """

    def __init__(self, module_name, python, num_threads, worker=(str(HERE / "worker.py"),)):
        environment = os.environ | {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
            "TF_NUM_INTRAOP_THREADS": str(num_threads),
            "TF_NUM_INTEROP_THREADS": str(num_threads),
            "OMP_NUM_THREADS": str(num_threads),
        }
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, *worker, module_name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment,
            cwd=HERE.parent,
        )

    def __call__(self, do, **arguments):
        """Has the worker do something; gives its answer."""
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                return json.loads(line.removeprefix("ANSWER "))
        self._errors.seek(0)
        raise RuntimeError(f"The worker failed at {do!r}:\n{self._errors.read()[-3000:]}")

    def close(self):
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()


def check_parity(zoo, torch, settings):
    """Checks that both frameworks compute the same model; returns the largest relative difference.

    With the same weights, images and noise: rate, squared error and all gradients, each relative to
    its largest magnitude.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "parity")
        zoo("measure", settings=settings, path=path)
        torch("measure", settings=settings, path=path)
        ours = np.load(path + ".conv_draw_zoo.npz")
        theirs = np.load(path + ".conv_draw_torch.npz")
        if set(ours) != set(theirs):
            raise RuntimeError(f"The models differ in their weights: {set(ours) ^ set(theirs)}")
        worst = max(np.abs(ours[n] - theirs[n]).max() / np.abs(ours[n]).max() for n in ours)
    if worst > PARITY_TOLERANCE:
        raise RuntimeError(f"The two models differ by {worst:.1e} of the largest magnitude.")
    return float(worst)


def time_rounds(zoo, torch, variants, num_rounds, num_steps):
    """Times all variants in every round; gives seconds a step by variant, a list a variant."""
    seconds = {name: [] for name in variants}
    for index in range(num_rounds):
        # Every other round runs backwards, so that no variant always follows the same one.
        for name in variants if index % 2 == 0 else reversed(variants):
            framework = zoo if name in ZOO else torch
            seconds[name].append(framework("run", name=name, num_steps=num_steps))
    return seconds


def ratio(seconds, slow, fast):
    """Returns how many times as fast `fast` is: by rounds, and the fastest against the fastest."""
    ratios = [a / b for a, b in zip(seconds[slow], seconds[fast], strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4)
    best = min(seconds[slow]) / min(seconds[fast])
    return {"median": median, "quartiles": [low, high], "best_to_best": best}


def convolution_flops(settings):
    """Counts the operations of a step's convolutions as if each was summed up directly.

    Every tap of every convolution counts, forward and for both gradients, as is usual.
    """
    filters, steps, patch, latents = settings["filters"], settings["num_steps"], 16, 4
    gates = 4 * filters
    pairs_a_step = (
        (patch + 2 * filters) * gates  # encoder gates
        + (latents + patch + filters) * gates  # decoder gates
        + 2 * filters * 2 * latents  # posterior and prior heads
    )
    pairs = steps * pairs_a_step + patch * gates
    multiplications = BATCH_SIZE * 49 * (25 * pairs + steps * filters * patch)
    return 3 * 2 * multiplications


def measure_size(zoo, torch, settings, variants, rounds, peaks):
    """Measures one size of the model; returns the results as a dict.

    Args:
        zoo: The zoo's worker.
        torch: PyTorch's worker.
        settings: `num_steps` and `filters`.
        variants: Names of what to time.
        rounds: `num_rounds` and `num_steps` a round.
        peaks: Fastest convolution so far, GFLOP/s by dtype; this measures again and updates it.
    """
    parity = check_parity(zoo, torch, settings)
    preparation = {}
    for name in variants:
        framework = zoo if name in ZOO else torch
        print(f"  preparing {name} ...", flush=True)
        preparation[name] = framework(
            "prepare", name=name, settings=settings, variant=name.split(), batch_size=BATCH_SIZE
        )
    seconds = time_rounds(zoo, torch, variants, **rounds)
    # Two variants of one process, so more and shorter rounds can find a small difference.
    objectives = time_rounds(zoo, torch, ZOO[:2], num_rounds=4 * rounds["num_rounds"], num_steps=1)
    for dtype in peaks:
        peaks[dtype] = max(peaks[dtype], zoo("convolution_peak", dtype=dtype))
    zoo("forget")
    torch("forget")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    gigaflops = convolution_flops(settings) / 1e9
    result = {
        "settings": settings,
        "parity": parity,
        "seconds": seconds,
        "median_seconds": medians,
        "images_per_second": {name: BATCH_SIZE / median for name, median in medians.items()},
        "seconds_to_prepare": preparation,
        "geco_over_elbo": ratio(objectives, "geco float32", "elbo float32"),
        "faster_than_torch": {},
        "share_of_convolution_peak": {
            name: gigaflops / medians[name] / peaks[name.split()[-1]] for name in variants
        },
    }
    for dtype in ("float32", "bfloat16"):
        theirs = [name for name in variants if name not in ZOO and name.endswith(dtype)]
        best = min(theirs, key=medians.get)
        compared = ratio(seconds, best, f"geco {dtype}")
        result["faster_than_torch"][dtype] = {"torch_variant": best, **compared}
    return result


def measure_memory(settings, pythons, num_threads):
    """Returns the peak memory, in MB, of processes that do nothing else than one variant."""
    peaks = {}
    for name in ("geco float32", "geco bfloat16", "eager float32", "eager bfloat16"):
        side = "zoo" if name in ZOO else "torch"
        worker = Framework(f"conv_draw_{side}", pythons[side], num_threads)
        with contextlib.closing(worker) as framework:
            framework("versions")
            before = framework("peak_memory")
            framework(
                "prepare", name=name, settings=settings, variant=name.split(), batch_size=BATCH_SIZE
            )
            framework("run", name=name, num_steps=3)
            total = framework("peak_memory")
        peaks[name] = {"total": total, "over_import": total - before}
    return peaks


def print_size(name, result):
    """Prints the table of one size."""
    settings = result["settings"]
    print(f"\n{name}: {settings['num_steps']} steps, {settings['filters']} filters")
    print(f"  same model to {result['parity']:.1e} of the largest magnitude")
    print(f"  {'':20}{'ms a step':>12}{'images/s':>10}{'fastest ms':>12}{'of conv peak':>14}")
    for variant, median in result["median_seconds"].items():
        label = ("zoo " if variant in ZOO else "torch ") + variant
        print(
            f"  {label:24}{1e3 * median:8.1f}{BATCH_SIZE / median:10.0f}"
            f"{1e3 * min(result['seconds'][variant]):12.1f}"
            f"{result['share_of_convolution_peak'][variant]:14.0%}"
        )
    overhead = result["geco_over_elbo"]
    print(f"  GECO takes {_show(overhead)} the time of ELBO")
    for dtype, compared in result["faster_than_torch"].items():
        print(f"  {dtype}: {_show(compared)} as fast as torch {compared['torch_variant']}")


def _show(compared):
    low, high = compared["quartiles"]
    text = f"{compared['median']:.2f} times (quartiles {low:.2f} to {high:.2f};"
    return f"{text} fastest to fastest {compared['best_to_best']:.2f})"


def _cpu_model():
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def main():
    """Runs the benchmark, prints its tables and writes its JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="the default size, no torch.compile")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores")
    parser.add_argument("--torch-python", default=sys.executable, help="interpreter with PyTorch")
    parser.add_argument("--output", help="JSON file (default: benchmarks/results/...)")
    arguments = parser.parse_args()
    name = f"train_step{'_quick' * arguments.quick}_{arguments.threads}_threads.json"
    output = pathlib.Path(arguments.output or HERE / "results" / name)
    rounds = {"num_rounds": 12 if arguments.quick else 15, "num_steps": 2}
    variants = ZOO + TORCH + (() if arguments.quick else TORCH_COMPILED)
    sizes = list(SIZES.items())[: 1 if arguments.quick else None]
    pythons = {"zoo": sys.executable, "torch": arguments.torch_python}

    zoo = Framework("conv_draw_zoo", pythons["zoo"], arguments.threads)
    torch = Framework("conv_draw_torch", pythons["torch"], arguments.threads)
    peaks = {dtype: zoo("convolution_peak", dtype=dtype) for dtype in ("float32", "bfloat16")}
    report = {
        "date": datetime.date.today().isoformat(),
        "quick": arguments.quick,
        "threads": arguments.threads,
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load_average_before": os.getloadavg(),
        "python": platform.python_version(),
        "versions": zoo("versions") | torch("versions"),
        "batch_size": BATCH_SIZE,
        "rounds": rounds,
        "convolution_peak_gigaflops": peaks,
        "sizes": {},
    }
    print(f"{report['cpu']}, {arguments.threads} threads, {report['versions']}")
    for size, settings in sizes:
        report["sizes"][size] = measure_size(zoo, torch, settings, variants, rounds, peaks)
        print_size(size, report["sizes"][size])
    print("\nconvolution peak: " + ", ".join(f"{d} {p:.0f} GFLOP/s" for d, p in peaks.items()))
    zoo.close()
    torch.close()
    if not arguments.quick:
        memory = measure_memory(SIZES["default"], pythons, arguments.threads)
        report["peak_memory_mb_at_default_size"] = memory
        print("\npeak memory at the default size")
        for variant, megabytes in memory.items():
            total, extra = megabytes["total"], megabytes["over_import"]
            print(f"  {variant:16} {total:6.0f} MB, {extra:6.0f} over importing the framework")
    report["load_average_after"] = os.getloadavg()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwritten to {output}")


if __name__ == "__main__":
    main()
