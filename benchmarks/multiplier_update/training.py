"""One run: a case trained by a rule, and what is measured of it."""

import dataclasses
import functools

import keras
import numpy as np
import tensorflow as tf

import zoo
from benchmarks.multiplier_update.cases import CASES
from benchmarks.multiplier_update.rules import DEFAULT, VARIANTS, CandidateUpdate
from training import datasets
from training.runs import provenance

MARGIN = 0.03
STRIDE, STEPS_PER_CHECK, FIRST_JUDGED = 10, 250, 1000


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


def run(case, variant, seed):
    """Trains one run of the grid; returns its names and numbers."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    values = train(CASES[case], VARIANTS[variant], seed)
    made = {"commit": provenance.made_with()["commit"], "machine": provenance.machine()}
    return {"case": case, "variant": variant, "seed": seed} | made | values


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
