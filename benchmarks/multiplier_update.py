"""Parts of GECO's default update, with and without: settling, overshoot and rate, five seeds.

    python -m benchmarks.multiplier_update            # about fifteen minutes on two cores
    python -m benchmarks.multiplier_update --quick    # one seed, to see that it works

A small ConvDRAW learns scikit-learn's digits to within 0.1. At each step the reconstruction error
is the square root of GECO's moving average (decay 0.99) of the squared error.

- Settling time: the first step from which on it stays within 3% of the tolerance to the end.
- Overshoot: how far it falls below the tolerance, in percent of it, once it has reached it: error
  that was bought with more rate than was asked for.
"""

import argparse
import json
import pathlib
import statistics

import keras
import numpy as np
import tensorflow as tf

import zoo
from training import datasets

HERE = pathlib.Path(__file__).parent
TOLERANCE = 0.1
MARGIN = 0.03
NUM_STEPS = 1500
BATCH_SIZE = 64


class FullWeight(zoo.constraints.ReconstructionError):
    """The reconstruction error, weighed by D/(2κ²) from the first step, however large it is."""

    def log_discount(self, violation):
        """Returns 0."""
        return tf.zeros_like(violation)


VARIANTS = {
    "default": {},
    "full weight from the first step": {"constraint": FullWeight},
    "no proportional term": {"gain": 0.0},
}


class RecordError(keras.callbacks.Callback):
    """Keeps the reconstruction error of each step, in pixel units."""

    def __init__(self):
        super().__init__()
        self.errors = []

    def on_train_batch_end(self, batch, logs=None):
        """Reads GECO's moving average of the violation."""
        violation = float(self.model.objective.moving_averages[0])
        self.errors.append(np.sqrt(violation + TOLERANCE**2))


def train(data, seed, num_steps, gain=2.0, constraint=zoo.constraints.ReconstructionError):
    """Trains one model; gives its errors `[num_steps]` and its test logs."""
    keras.utils.set_random_seed(seed)
    model = zoo.ConvDRAW(data.image_shape, num_steps=4, filters=16, latent_filters=2)
    objective = zoo.GECO(constraint(TOLERANCE), proportional_gain=gain)
    model.compile(keras.optimizers.Adam(1e-3), objective=objective, seed=seed)
    recorder = RecordError()
    model.fit(
        data.train_batches(BATCH_SIZE, seed),
        steps_per_epoch=num_steps,
        callbacks=[recorder],
        verbose=0,
    )
    logs = model.evaluate(data.batches("test", 100), return_dict=True, verbose=0)
    return np.array(recorder.errors), logs


def settling_time(errors):
    """The first step from which on all errors are within the margin, or None."""
    outside = np.flatnonzero(np.abs(errors / TOLERANCE - 1.0) > MARGIN)
    first = 0 if not len(outside) else int(outside[-1]) + 1
    return first if first < len(errors) else None


def overshoot(errors):
    """How far the error falls below the tolerance after reaching it, in percent of it."""
    reached = np.flatnonzero(errors <= TOLERANCE)
    return 100.0 * (1.0 - errors[reached[0] :].min() / TOLERANCE) if len(reached) else 0.0


def measure(data, seeds, num_steps):
    """Trains every variant with every seed; returns a list of results."""
    results = []
    for variant, settings in VARIANTS.items():
        for seed in seeds:
            errors, logs = train(data, seed, num_steps, **settings)
            results.append(
                {
                    "variant": variant,
                    "seed": seed,
                    "settling_time": settling_time(errors),
                    "overshoot_percent": overshoot(errors),
                    "test_rmse": logs["rmse"],
                    "test_rate": logs["rate"],
                    "errors": [round(float(error), 5) for error in errors[::10]],
                }
            )
            print(variant, {k: v for k, v in results[-1].items() if k != "errors"}, flush=True)
    return results


def table(results):
    """Returns the results as Markdown, median and range over the seeds."""
    lines = [
        "| variant | settled at step | overshoot (% of κ) | test rmse | test rate (nats) |",
        "|---|---|---|---|---|",
    ]
    for variant in VARIANTS:
        rows = [row for row in results if row["variant"] == variant]
        settled = [row["settling_time"] for row in rows]
        times = [time for time in settled if time is not None]
        when = (
            f"{statistics.median(times):.0f} ({min(times)} to {max(times)})" if times else "never"
        )
        when += f", {settled.count(None)} never" if None in settled and times else ""
        cells = [when]
        for name, form in (
            ("overshoot_percent", ".1f"),
            ("test_rmse", ".4f"),
            ("test_rate", ".1f"),
        ):
            values = [row[name] for row in rows]
            low, middle, high = min(values), statistics.median(values), max(values)
            cells.append(f"{middle:{form}} ({low:{form}} to {high:{form}})")
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    """Runs the comparison, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one seed, few steps, nothing written")
    quick = parser.parse_args().quick
    seeds, num_steps = (range(1), 200) if quick else (range(5), NUM_STEPS)
    results = measure(datasets.load("digits"), seeds, num_steps)
    print(table(results))
    if not quick:
        path = HERE / "results" / "multiplier_update.json"
        values = {"tolerance": TOLERANCE, "margin": MARGIN, "steps": num_steps, "runs": results}
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
