"""Keeps the best feasible epoch: the last iterate of a min-max game may be a poor one."""

import json
import os

import keras

from zoo import checks
from zoo.errors import SettingError
from zoo.objectives import ranking

__all__ = ["KeepBestFeasible"]

_SUFFIX = ".weights.h5"


class KeepBestFeasible(keras.callbacks.Callback):
    """Ends training with the epoch of the least rate among those that met every constraint.

    The epochs are compared on validation data. If none was feasible, it is the one whose worst
    violation, relative to each constraint's `scale`, is least (as TensorFlow Constrained
    Optimization ranks candidates). At the end of training, unless an error ended it, the model has
    that epoch's weights, running scale of the likelihood, and the objective's multipliers and
    moving averages, which belong to those weights; only the optimiser's state is the last epoch's.

    Attributes:
        best: What is kept, None before the first epoch: a dict of `epoch` (from 0), `rate` (nats an
            image), `violation` (the worst, relative to the scale) and `is_feasible`.

    Args:
        filepath: Where to save each new best at once, so that a killed run loses nothing; ends in
            `.weights.h5`, for `model.load_weights`. What was the best is written beside it, as
            `<filepath>.json`. Under several workers give a path to one of them only.
        margin: How far beyond its tolerance a constraint still counts as met, relative to its
            `scale`: 0.1 lets the squared error be 1.1 κ², or the accuracy 1 - 1.1 (1 - κ).
        resume: Whether to go on from what an earlier run saved at `filepath`, if anything: it
            stands until an epoch is better. Otherwise that is overwritten.

    Raises:
        ValueError: An argument is out of range. In `fit`: the objective has no constraints, or an
            epoch no validation.

    Example:
        >>> keep = zoo.KeepBestFeasible("best.weights.h5")
        >>> model.fit(images, validation_data=test_images, epochs=50, callbacks=[keep])
        >>> keep.best["epoch"], model.objective.multipliers
    """

    def __init__(self, filepath=None, margin=0.0, resume=False):
        super().__init__()
        if filepath is not None and not os.fspath(filepath).endswith(_SUFFIX):
            raise SettingError("filepath", f"a path that ends in {_SUFFIX}", filepath)
        checks.number("margin", margin, least=0)
        if resume and filepath is None:
            raise ValueError("resume=True needs the filepath to resume from.")
        self._path = filepath and os.fspath(filepath)
        self._margin = margin
        self._resume = resume
        self.best = None

    def on_train_begin(self, logs=None):
        """Starts anew, or from the file."""
        if not getattr(self.model.objective, "constraints", None):
            raise ValueError(
                "KeepBestFeasible ranks epochs by an objective's constraints: compile with "
                f"zoo.GECO(...). Received: {type(self.model.objective).__name__}. Without "
                "constraints use keras.callbacks.ModelCheckpoint."
            )
        self.best = self._values = None
        if self._resume and os.path.exists(self._path):
            with open(f"{self._path}.json", encoding="utf-8") as file:
                self.best = json.load(file)

    def on_epoch_end(self, epoch, logs=None):
        """Keeps the epoch's state if it is the best so far."""
        found = self._measure(epoch, logs or {})
        if self.best is not None and not ranking.rank(found) < ranking.rank(self.best):
            return
        self.best = found
        self._values = [keras.ops.convert_to_numpy(v).copy() for v in self._variables()]
        if self._path is not None:
            self._save()

    def on_train_end(self, logs=None):
        """Returns the model the state of the best epoch."""
        if self._values is not None:
            for variable, value in zip(self._variables(), self._values, strict=True):
                variable.assign(value)
        elif self.best is not None:  # That of the earlier run.
            self.model.load_weights(self._path)

    def _variables(self):
        return [*self.model.weights, *self.model.objective.weights]

    def _measure(self, epoch, logs):
        constraints = self.model.objective.constraints
        names = ["val_rate", *(f"val_{c.name}_violation" for c in constraints)]
        if set(names) - set(logs):
            raise ValueError(
                "KeepBestFeasible compares epochs on validation data: pass "
                "fit(..., validation_data=...), with validation_freq=1. Received logs of "
                f"{sorted(logs)}"
            )
        return {"epoch": epoch, **ranking.measure_epoch(logs, constraints, self._margin)}

    def _save(self):
        """Writes under another name, then renames: half a file is never there."""
        unfinished = f"{self._path.removesuffix(_SUFFIX)}.unfinished{_SUFFIX}"
        self.model.save_weights(unfinished)
        with open(f"{unfinished}.json", "w", encoding="utf-8") as file:
            json.dump(self.best, file)
        os.replace(unfinished, self._path)
        os.replace(f"{unfinished}.json", f"{self._path}.json")
