"""Times training steps and sampling of models of MNIST of very different makes.

    python -m benchmarks.mnist_generators          # some three minutes of one core
    python -m benchmarks.mnist_generators --quick  # one round, nothing written

The models are those of the released recipes, untrained. All take a step and draw images in each
round, so that they meet the same machine; the median over the rounds counts.
"""

import argparse
import json
import os
import pathlib
import statistics
import time

from benchmarks.architectures import Step

NUMBERS = pathlib.Path(__file__).parent / "results" / "mnist_generators.json"
NAMES = (
    *("conv_vae_mnist", "conv_draw_mnist", "sequential_vae_mnist"),
    *("pixel_vae_mnist", "diffusion_mnist"),
)
NUM_SAMPLES = 16  # At once.


def main():
    """Times, prints, and keeps the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round, nothing written")
    quick = parser.parse_args().quick
    steps = {name: Step(name, (28, 28, 1)) for name in NAMES}
    for step in steps.values():
        sampling_seconds(step.model)  # Traces.
    taken = {name: {"step": [], "sampling": []} for name in NAMES}
    for _ in range(1 if quick else 7):
        for name, step in steps.items():
            taken[name]["step"].append(step.seconds(num_steps=2))
            taken[name]["sampling"].append(sampling_seconds(step.model))
    numbers = {
        "cores": os.cpu_count(),
        "threads": os.environ.get("TF_NUM_INTRAOP_THREADS", "all"),
        "load_average": os.getloadavg(),
        "num_samples": NUM_SAMPLES,
        "recipes": {name: describe(steps[name], seconds) for name, seconds in taken.items()},
    }
    print(json.dumps(numbers, indent=1))
    if not quick:
        NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def sampling_seconds(model):
    """Returns the seconds of drawing `NUM_SAMPLES` images at once."""
    start = time.perf_counter()
    model.sample(NUM_SAMPLES, seed=0).numpy()
    return time.perf_counter() - start


def describe(step, seconds):
    """Returns the medians of a model, and all that was timed."""
    return {
        "batch_size": step.batch_size,
        "step_milliseconds": 1e3 * statistics.median(seconds["step"]),
        "sampling_milliseconds_an_image": 1e3
        * statistics.median(seconds["sampling"])
        / NUM_SAMPLES,
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
