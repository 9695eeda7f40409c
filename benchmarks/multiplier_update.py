"""Rules for GECO's multiplier side by side: how near the tolerance, how soon, at how many nats.

    python -m benchmarks.multiplier_update --case mnist --variant default --seed 0
    python -m benchmarks.multiplier_update --grid full --output FILE --processes 8

A run is a case (data, architecture, tolerance, batch, schedule), a variant of the update and a
seed. Finished runs are in the file and are not repeated. MNIST is read from TFDS_DATA_DIR.

- Error: the test rmse over the tolerance κ, every 250 steps; `worst_from_1000` is the largest
  distance from 1 among those from step 1000 on.
- Settling: the first step from which on GECO's moving average of the training error stays within
  3% of κ to the end, in steps of ten.
- Overshoot: how far that average falls below κ, in percent of it, once it has reached it: error
  that was bought with more rate than was asked for.
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import json
import multiprocessing
import pathlib
import statistics

import keras
import numpy as np
import tensorflow as tf

import zoo
from training import datasets
from zoo.objectives.multiplier_update import MultiplierUpdate

RESULTS = pathlib.Path(__file__).parent / "results" / "multiplier_update.json"
MARGIN = 0.03
STRIDE, STEPS_PER_CHECK, FIRST_JUDGED = 10, 250, 1000


@dataclasses.dataclass(frozen=True)
class Case:
    """What is trained: the data, the architecture, the tolerance, and for how long."""

    data: str = "mnist"
    architecture: str = "ConvVAE"
    arguments: tuple = (("latent_dim", 32),)
    tolerance: float = 0.1
    batch_size: int = 128
    num_steps: int = 1250
    is_cosine: bool = False
    num_images: int = 20_000


DIGITS = Case(
    "digits",
    "ConvDRAW",
    (("num_steps", 4), ("filters", 16), ("latent_filters", 2)),
    batch_size=64,
    num_steps=1500,
)
COLOR = Case("color_mnist", arguments=(("latent_dim", 64),), num_steps=3000)
# The first are the most telling: they come first in a grid that may be cut short.
CASES = {
    "mnist, 1250 steps": Case(),
    "mnist": Case(num_steps=4000),
    "mnist, 0.15": Case(tolerance=0.15, num_steps=2500),
    "digits": DIGITS,
    "color": COLOR,
    "mnist, 2 latents": Case(arguments=(("latent_dim", 2),), num_steps=2500),  # Cannot be met.
    "mnist, batch 32": Case(batch_size=32, num_steps=2000),
    "mnist, batch 512": Case(batch_size=512, num_steps=1500),
    "mnist, cosine 1000": Case(num_steps=1000, is_cosine=True),
    "mnist, cosine 2500": Case(num_steps=2500, is_cosine=True),
    "color, 0.06": dataclasses.replace(COLOR, tolerance=0.06),
    "digits, cosine": dataclasses.replace(DIGITS, is_cosine=True),
    "mnist ConvDRAW": Case("mnist", "ConvDRAW", (), batch_size=64, num_steps=1500),
    "color NVPVAE": dataclasses.replace(COLOR, architecture="NVPVAE", batch_size=64),
}


@dataclasses.dataclass(frozen=True)
class Rule:
    """A proportional-integral rule on the signal s = log(M / κ²) of the moving average M.

    log λ moves by `step_size` · s, clipped to [-0.5, `rise_bound`], and by `gain` times the change
    of s, clipped to ±0.5. While s is above 0, log λ is less by s where the rule `follows` the
    error.
    `waits` and `slows` are parts of an earlier default: the integral waits where s is clipped
    and falls by itself; it rises at a tenth far above the tolerance and above λ_0. Above λ_0 the
    integral rises (λ_0/λ)^`power` as fast: with 0 by factors, with 1 in steps of λ.
    """

    step_size: float = 0.01
    gain: float = 2.0
    decay: float = 0.99
    rise_bound: float = 0.5
    follows: bool = True
    waits: bool = False
    slows: bool = False
    power: int = 0


BEFORE = Rule(waits=True, slows=True)
DEFAULT = Rule(step_size=0.05, gain=2.0, decay=0.95, rise_bound=0.05, power=2)
VARIANTS = {
    "before": BEFORE,
    "before without waiting": dataclasses.replace(BEFORE, waits=False),
    "before without slowdown": dataclasses.replace(BEFORE, slows=False),
    "before without both": Rule(),
    "default": DEFAULT,
    "default, rises as it falls": dataclasses.replace(DEFAULT, rise_bound=0.5),
    "default, decay 0.9": dataclasses.replace(DEFAULT, decay=0.9),
    "default, decay 0.99": dataclasses.replace(DEFAULT, decay=0.99),
    "default, step size 0.02": dataclasses.replace(DEFAULT, step_size=0.02),
    "default, gain 0": dataclasses.replace(DEFAULT, gain=0.0),
    "default, gain 4": dataclasses.replace(DEFAULT, gain=4.0),
    "default, full weight": dataclasses.replace(DEFAULT, follows=False),
    "default, by factors": dataclasses.replace(DEFAULT, power=0),
    "default, rise bound 0.02, steps of λ": dataclasses.replace(DEFAULT, rise_bound=0.02, power=1),
}


class CandidateUpdate(MultiplierUpdate):
    """A `Rule` in the place of GECO's default update."""

    def __init__(self, rule, constraints):
        super().__init__("proportional-integral", rule.step_size, rule.gain, constraints)
        self._candidate = rule

    def change(self, previous, averages, log_excess, is_first):
        """Returns the change of log λ, `[K]`: see `MultiplierUpdate.change`."""
        rule = self._candidate
        signals, before = self._signals(averages), self._signals(previous)
        bounded, bounded_before = (tf.clip_by_value(s, -0.5, 0.5) for s in (signals, before))
        integral = rule.step_size * tf.clip_by_value(signals, -0.5, rule.rise_bound)
        excess = tf.maximum(log_excess, 0.0)
        integral *= tf.where(signals > 0.0, tf.exp(-rule.power * excess), 1.0)
        if rule.waits:
            is_falling = tf.abs(before) - tf.abs(signals) > tf.abs(signals) / 1000.0
            integral = tf.where((tf.abs(signals) > 0.5) & is_falling, 0.0, integral)
        if rule.slows:
            is_slow = (signals > 0.5) | ((signals > 0.0) & (log_excess >= 0.0))
            integral = tf.where(is_slow, integral * tf.exp(-excess) / 10.0, integral)
        change = integral + rule.gain * (bounded - bounded_before)
        if rule.follows:
            change -= tf.nn.relu(signals) - tf.where(is_first, 0.0, tf.nn.relu(before))
        return change


class Record(keras.callbacks.Callback):
    """Keeps GECO's average of the error over κ, and log(λ / λ_0), every few steps."""

    def __init__(self, tolerance):
        super().__init__()
        self.tolerance, self.errors, self.log_multipliers = tolerance, [], []

    def on_train_batch_end(self, batch, logs=None):
        """Reads them from the objective."""
        objective = self.model.objective
        violation = float(objective.moving_averages[0])
        self.errors.append(np.sqrt(violation / self.tolerance**2 + 1.0))
        self.log_multipliers.append(float(objective.log_multipliers[0] - objective._log_initial[0]))


@functools.cache
def load(name, num_images):
    """Returns a data set with its first training images only."""
    data = datasets.load(name)
    splits = {
        "train": {k: v[:num_images] for k, v in data.arrays("train").items()},
        "test": {k: v[:5000] for k, v in data.arrays("test").items()},
    }
    return dataclasses.replace(
        data, splits={k: datasets.splits.MemorySplit(v) for k, v in splits.items()}
    )


def train(case, rule, seed):
    """Trains one model; returns what was measured, as JSON holds it."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    data = load(case.data, case.num_images)
    model = getattr(zoo, case.architecture)(data.image_shape, **dict(case.arguments))
    objective = zoo.GECO(zoo.constraints.ReconstructionError(case.tolerance), decay=rule.decay)
    if rule != DEFAULT:
        objective._update = CandidateUpdate(rule, objective.constraints)
    rate = 1e-3
    if case.is_cosine:
        rate = keras.optimizers.schedules.CosineDecay(rate, case.num_steps)
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, objective=objective, seed=seed, steps_per_execution=STRIDE)
    record = Record(case.tolerance)
    test = data.batches("test", 1000)
    history = model.fit(
        data.train_batches(case.batch_size, seed).map(lambda batch: batch["image"]),
        steps_per_epoch=STEPS_PER_CHECK,
        epochs=case.num_steps // STEPS_PER_CHECK,
        validation_data=test.map(lambda batch: batch["image"]),
        callbacks=[record],
        verbose=0,
    ).history
    return measure(case, history, record)


def measure(case, history, record):
    """Returns a run's numbers: see the module's docstring."""
    errors = np.array(record.errors)
    test_errors = np.array(history["val_rmse"]) / case.tolerance
    judged = test_errors[FIRST_JUDGED // STEPS_PER_CHECK - 1 :]
    outside = np.flatnonzero(np.abs(errors - 1.0) > MARGIN)
    reached = np.flatnonzero(errors <= 1.0)
    return {
        "error": round(float(test_errors[-1]), 4),
        "worst_from_1000": round(float(judged[np.argmax(np.abs(judged - 1.0))]), 4),
        "train_error": round(float(errors[-1]), 4),
        "rate": round(history["val_rate"][-1], 2),
        "log_multiplier": round(record.log_multipliers[-1], 3),
        "overshoot_percent": round(100 * float(1 - errors[reached[0] :].min()), 1)
        if len(reached)
        else 0.0,
        "settled": STRIDE * (int(outside[-1]) + 2 if len(outside) else 1)
        if not len(outside) or outside[-1] + 1 < len(errors)
        else None,
        "test_errors": [round(float(error), 4) for error in test_errors],
        "test_rates": [round(rate, 2) for rate in history["val_rate"]],
        "errors": [round(float(error), 4) for error in errors],
        "log_multipliers": [round(value, 3) for value in record.log_multipliers],
    }


def run(case, variant, seed):
    """Trains one run of the grid; returns its names and numbers."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    values = train(CASES[case], VARIANTS[variant], seed)
    return {"case": case, "variant": variant, "seed": seed} | values


def run_all(runs, path, processes):
    """Makes the runs that the file lacks, and writes it after each."""
    done = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    finished = {(r["case"], r["variant"], r["seed"]) for r in done}
    left = [names for names in runs if names not in finished]
    print(f"{len(runs) - len(left)} runs are done, {len(left)} are left", flush=True)
    if processes > 1:
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
            futures = [pool.submit(run, *names) for names in left]
            for future in concurrent.futures.as_completed(futures):
                keep(done, future.result(), path)
    else:
        for names in left:
            keep(done, run(*names), path)
    return [r for r in done if (r["case"], r["variant"], r["seed"]) in set(runs)]


def keep(done, result, path):
    """Adds a finished run to the file, one line a run."""
    done.append(result)
    print({k: v for k, v in result.items() if not isinstance(v, list)}, flush=True)
    lines = ",\n".join(json.dumps(r) for r in done)
    path.write_text('{"runs": [\n' + lines + "\n]}\n", encoding="utf-8")


def table(results):
    """Returns the results as Markdown: medians over the seeds."""
    lines = [
        "| case | variant | test rmse / κ | worst from step 1000 | rate, nats | λ / λ_0 "
        "| overshoot, % | settled at |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        for variant in VARIANTS:
            rows = [r for r in results if (r["case"], r["variant"]) == (case, variant)]
            if not rows:
                continue
            middle = {
                name: statistics.median(row[name] for row in rows)
                for name in ("error", "worst_from_1000", "rate", "log_multiplier")
            }
            overshoot = statistics.median(row["overshoot_percent"] for row in rows)
            settled = statistics.median(row["settled"] or float("inf") for row in rows)
            lines.append(
                f"| {case} | {variant} | {middle['error']:.3f} | {middle['worst_from_1000']:.3f} "
                f"| {middle['rate']:.1f} | {np.exp(middle['log_multiplier']):.3g} "
                f"| {overshoot:.1f} | {settled:.0f} |"
            )
    return "\n".join(lines)


def main():
    """Makes the runs that are asked for, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--variant", choices=VARIANTS, action="append")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--grid", choices=["full"], help="every case with every variant")
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="print what the file has")
    options = parser.parse_args()
    if options.table:
        print(table(json.loads(options.output.read_text(encoding="utf-8"))["runs"]))
        return
    cases, variants = (
        (CASES, VARIANTS) if options.grid else (options.case or CASES, options.variant or VARIANTS)
    )
    runs = [(c, v, s) for s in options.seed or [0] for c in cases for v in variants]
    print(table(run_all(runs, options.output, options.processes)))


if __name__ == "__main__":
    main()
