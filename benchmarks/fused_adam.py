"""Times Keras's Adam against the zoo's one operation a weight, in steps that take turns.

    python -m benchmarks.fused_adam    # about four minutes on two cores

Models and batches are those of the recipes for MNIST; times are of the processor, which other
processes disturb less than the clock. The first step, which builds the graph, is timed once.
"""

import json
import pathlib
import statistics
import time

import zoo.base.image_model
from benchmarks.architectures import RECIPES, Step
from training.runs import provenance
from zoo.fused_adam import fuse

HERE = pathlib.Path(__file__).parent
NAMES = [name for name in RECIPES["mnist"][1] if not name.startswith(("infusion", "pixel"))]
NUM_ROUNDS = 9


def make_step(name, how):
    """Makes a recipe's step, with Keras's update or ours; returns it and its preparation's time."""
    start = time.process_time()
    zoo.base.image_model.fuse = how
    step = Step(name, RECIPES["mnist"][0])
    return step, time.process_time() - start


def processor_seconds(step):
    """Takes two steps; returns the processor's seconds of one."""
    start = time.process_time()
    step.seconds(2)
    return (time.process_time() - start) / 2


def measure(name):
    """Returns how many times as long Keras's update takes, first step and later ones."""
    plain, of_plain = make_step(name, lambda optimizer: None)
    fused, of_fused = make_step(name, fuse)
    ratios = []
    for index in range(NUM_ROUNDS):
        pair = (plain, fused) if index % 2 == 0 else (fused, plain)
        seconds = {id(step): processor_seconds(step) for step in pair}
        ratios.append(seconds[id(plain)] / seconds[id(fused)])
    first, median, third = statistics.quantiles(ratios, n=4)
    return {"step": median, "quartiles": [first, third], "first_step": of_plain / of_fused}


def main():
    """Runs the benchmark, prints the ratios and writes the JSON."""
    make_step(NAMES[0], fuse)  # So that TensorFlow's own start counts for none.
    report = {"commit": provenance.commit(), "machine": provenance.machine(), "recipes": {}}
    for name in NAMES:
        report["recipes"][name] = measure(name)
        print(name, report["recipes"][name], flush=True)
    path = HERE / "results" / "fused_adam.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
