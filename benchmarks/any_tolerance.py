"""Models for every tolerance, by seed and length, beside models for one tolerance each.

    vae-zoo train conv_draw_mnist_any --seed 1 --directory runs/any_1   # A quarter of an hour.
    python -m benchmarks.any_tolerance conv_draw_mnist_any runs/any_1   # Two minutes each.

Each is evaluated on the whole test split of MNIST at the tolerances that single models were trained
for, whose results are committed. The ratio of rates is that at one error: the rate of the one model
is brought to the single one's error along the latter's slope, which is its multiplier.
"""

import argparse
import json
import pathlib

from training import datasets
from training.documents.runs import read_run
from training.evaluation.rates import point_at
from training.runs import model_source, provenance

_SINGLE = {
    0.06: "conv_draw_mnist_006",
    0.08: "conv_draw_mnist_008",
    0.1: "conv_draw_mnist",
    0.125: "conv_draw_mnist_0125",
    0.175: "conv_draw_mnist_0175",
}
_OUTPUT = pathlib.Path(__file__).parent / "results" / "any_tolerance.json"
_BATCH_SIZE = 500


def main():
    """Measures the models that are named, and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", help="run directories, or names of released models")
    given = parser.parse_args()
    batches = datasets.load("mnist").batches("test", _BATCH_SIZE)
    rows = []
    for name in given.models:
        model, recipe = model_source.load_model(name)
        points = [
            point_at(tolerance, model, batches, read_run(single).metrics)
            for tolerance, single in _SINGLE.items()
        ]
        rows.append({"seed": recipe.seed, "steps": recipe.steps, "points": points})
        print(json.dumps({name: rows[-1]}, indent=1), flush=True)
    made = {"commit": provenance.commit(), "machine": provenance.machine()}
    _OUTPUT.write_text(json.dumps(made | {"models": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
