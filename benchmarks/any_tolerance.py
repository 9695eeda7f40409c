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

import zoo
from training import datasets
from training.documents.runs import read_run
from training.runs import provenance

_SINGLE = {
    0.06: "conv_draw_mnist_006",
    0.08: "conv_draw_mnist_008",
    0.1: "conv_draw_mnist",
    0.125: "conv_draw_mnist_0125",
    0.175: "conv_draw_mnist_0175",
}
_OUTPUT = pathlib.Path(__file__).parent / "results" / "any_tolerance.json"
_BATCH_SIZE = 500


def measure(model, batches):
    """Returns rmse, rate and ratio of rates at one error, a dict for each tolerance."""
    points = []
    for tolerance, name in _SINGLE.items():
        found = model.evaluate(batches, tolerance=tolerance, verbose=0, return_dict=True)
        rmse, rate = float(found["rmse"]), float(found["rate"])
        single = read_run(name)
        (multiplier,) = single.metrics["multipliers"].values()
        at_one_error = rate + multiplier * (rmse**2 - single.test["rmse"] ** 2)
        ratio = at_one_error / single.test["rate"]
        points.append({"tolerance": tolerance, "rmse": rmse, "rate": rate, "ratio": ratio})
        print(f"{tolerance:5g}  rmse {rmse:.4f}  {rate:6.2f} nats  {ratio:.3f}", flush=True)
    return points


def _describe(name):
    """Returns seed and steps of what is in a run directory, or of a released model."""
    folder = pathlib.Path(name)
    if not folder.exists():
        folder = pathlib.Path(__file__).parents[1] / "savedmodels" / name
    recipe, metrics = (
        json.loads((folder / f"{part}.json").read_text(encoding="utf-8"))
        for part in ("recipe", "metrics")
    )
    return {"seed": recipe["seed"], "steps": metrics["steps"]}


def main():
    """Measures the models that are named, and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", help="run directories, or names of released models")
    given = parser.parse_args()
    batches = datasets.load("mnist").batches("test", _BATCH_SIZE)
    rows = []
    for name in given.models:
        folder = pathlib.Path(name) / "savedmodel" / "1"
        print(name)
        points = measure(zoo.load(str(folder) if folder.exists() else name), batches)
        rows.append(_describe(name) | {"points": points})
    made = {"commit": provenance.commit(), "machine": provenance.machine()}
    _OUTPUT.write_text(json.dumps(made | {"models": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
