"""Times drawing images from a PixelVAE beside the same network in PyTorch, in one run.

    python -m benchmarks.peers.sampling                       # six minutes, most to compile
    python -m benchmarks.peers.sampling --quick               # a short look, nothing written
    python -m benchmarks.peers.sampling --torch-python PATH   # as of `benchmarks.peers`

The network is that of the recipe pixel_vae_mnist, its weights moved off their initial values. Both
sides have the same weights, latents and uniform numbers, and must draw the same images, but where
rounding moves a pixel over the threshold between two levels (it and all after it in its image may
then differ). Then all variants take turns in rounds; ratios are taken within a round. Times are the
processor's, of one thread on both sides: a call waits for other work as long as it happens to.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile

import numpy as np

from benchmarks.peers.__main__ import time_rounds
from benchmarks.train_step import Framework, ratio
from training.runs import provenance

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "peers_sampling.json"
OURS, THEIRS = ("graph", "xla"), ("eager", "compiled")
NUMBERS = (1, 64)
NUM_ROUNDS = 9
NUM_THREADS = 1
MOST_THAT_DIFFER = 1 / 8  # Of the images; a false network, or memory, moves almost all.


def prepare(frameworks, num, folder):
    """Has every variant draw once.

    Returns:
        The seconds that it took, and how many images differ from ours, by variant.
    """
    given, ready, images = f"{folder}/given", {}, {}
    frameworks["graph"]("make_given", num=num, path=given)
    for variant, framework in frameworks.items():
        path = f"{folder}/{variant}.npy"
        ready[variant] = framework("prepare", variant=variant, num=num, given=given, path=path)
        images[variant] = np.load(path)
    return ready, {variant: count_differing(images["graph"], images[variant]) for variant in images}


def count_differing(ours, theirs):
    """Returns how many images differ in a level; raises if they are more than rounding's."""
    differ = int((np.abs(ours - theirs).max(axis=(1, 2, 3)) > 1e-3).sum())
    if differ > MOST_THAT_DIFFER * len(ours):
        raise RuntimeError(f"{differ} of {len(ours)} images differ: expected the same levels.")
    return differ


def compare(seconds):
    """Returns the ratios of rounds: our best variant, and ours without XLA, to PyTorch's best."""
    medians = {variant: statistics.median(values) for variant, values in seconds.items()}
    best, peer = (min(names, key=medians.get) for names in (OURS, THEIRS))
    return {
        "our_best": best,
        "their_best": peer,
        "times_as_fast": ratio(seconds, peer, best),
        "graph_times_as_fast": ratio(seconds, peer, "graph"),
    }


def measure(frameworks, num, num_rounds):
    """Draws with all variants, compares, then times them; returns a dict for JSON."""
    with tempfile.TemporaryDirectory() as folder:
        ready, differ = prepare(frameworks, num, folder)
    seconds = time_rounds(frameworks, num_rounds, 1 if num > 1 else 5)
    return {
        "images": num,
        "load_average": os.getloadavg(),
        "images_that_differ": differ,
        "seconds_to_prepare": ready,
        "seconds": seconds,
        **compare(seconds),
    }


def main():
    """Runs the benchmark, prints what it finds and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 rounds, nothing written")
    parser.add_argument("--torch-python", default=sys.executable, help="interpreter with PyTorch")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:

        def start(side, python):
            program = ("-m", "benchmarks.peers.sampling.worker")
            name = f"benchmarks.peers.sampling.{side}"
            framework = Framework(name, python, NUM_THREADS, program)
            return stack.enter_context(contextlib.closing(framework))

        # A process for each, so that none finds what another left.
        frameworks = {variant: start("zoo_side", sys.executable) for variant in OURS}
        frameworks |= {variant: start("torch_side", arguments.torch_python) for variant in THEIRS}
        report = {
            "commit": provenance.commit(),
            "machine": provenance.machine(),
            "threads": NUM_THREADS,
            "versions": frameworks[OURS[0]]("versions") | frameworks[THEIRS[0]]("versions"),
            "numbers": [],
        }
        for num in NUMBERS:
            found = measure(frameworks, num, 2 if arguments.quick else NUM_ROUNDS)
            print(json.dumps(found), flush=True)
            report["numbers"].append(found)
    if not arguments.quick:
        RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
