"""Times the training steps of recipes with oneDNN's kernels and without.

    python -m benchmarks.onednn    # about three minutes on two quiet cores

TensorFlow chooses its kernels when it is imported, so each setting has a process of its own; they
take turns, and the median over all steps of a setting counts. On a processor with AVX-512 VNNI
TensorFlow uses oneDNN by itself; `zoo.onednn` has it do so on others.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

from benchmarks import processes

HERE = pathlib.Path(__file__).parent
NAMES = (
    *("conv_vae_mnist", "nvp_vae_mnist", "conv_draw_mnist", "sequential_vae_mnist"),
    *("infusion_mnist", "pixel_vae_mnist"),
)
NUM_STEPS, NUM_ROUNDS = 9, 2


def work():
    """Prints the seconds of each recipe's steps."""
    from benchmarks.architectures import Step

    found = {}
    for name in NAMES:
        step = Step(name, (28, 28, 1))
        step.seconds(2)
        found[name] = [step.seconds() / step.batch_size for _ in range(NUM_STEPS)]
    processes.give(found)


def run(setting):
    """Starts a process with that setting, "0" or "1"; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.onednn", "--work"],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": setting},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return processes.read(done.stdout)


def main():
    """Runs the benchmark, prints the ratios and writes the JSON; or is one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().work:
        work()
        return
    from training.runs import provenance

    seconds = {"0": {name: [] for name in NAMES}, "1": {name: [] for name in NAMES}}
    for _ in range(NUM_ROUNDS):
        for setting, of_recipes in seconds.items():
            for name, found in run(setting).items():
                of_recipes[name] += found
    report = {"commit": provenance.commit(), "machine": provenance.machine(), "recipes": {}}
    for name in NAMES:
        without, with_it = (1 / statistics.median(seconds[each][name]) for each in "01")
        row = {"images_per_second": [without, with_it], "times_as_fast": with_it / without}
        report["recipes"][name] = row
        print(name, row, flush=True)
    path = HERE / "results" / "onednn.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
