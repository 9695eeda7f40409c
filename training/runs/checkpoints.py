"""Checkpoints: all that a run needs to continue as if it had never stopped, in one file each.

A checkpoint is a Keras model file, `step-<steps>.keras`, with one more member: `progress.json`,
the history up to that step. Weights, optimiser, multipliers, moving averages and history so belong
to the same moment whenever the process is killed. Batches and noise are functions of the seed and
the step, so nothing else is needed.
"""

import dataclasses
import json
import math
import os
import pathlib
import re
import shutil
import zipfile

from zoo.errors import UserError
from zoo.objectives import ranking
from zoo.serving.flush import flush_to_disk

__all__ = ["CheckpointStore", "Progress"]

_PROGRESS = "progress.json"
_UNFINISHED = "unfinished"  # A folder: Keras makes temporary files beside what it writes.
_BEST = "best.keras"
_NUM_KEPT = 2


@dataclasses.dataclass
class Progress:
    """How far a run has come.

    Attributes:
        step: Optimiser steps done.
        rows: The history, one dict an epoch.
    """

    step: int = 0
    rows: list = dataclasses.field(default_factory=list)

    @property
    def epoch(self):
        """Epochs done."""
        return len(self.rows)

    def best_epoch(self, constraints=()):
        """Index of the best epoch so far, by its validation measures; None before the first.

        With constraints: the least rate among the epochs that met all of them, else the epoch that
        violated them least. Without: the least loss. An epoch of NaN comes last.
        """
        return min(range(self.epoch), key=lambda i: _rank(self.rows[i], constraints), default=None)


def _rank(row, constraints):
    """What is smaller for a better epoch."""
    if constraints:  # The loss moves with the multipliers, so it has no say.
        return ranking.rank(ranking.measure_epoch(row, constraints))
    loss = row["val_loss"]
    return (0, loss) if math.isfinite(loss) else (1, 0.0)


class CheckpointStore:
    """Saves and restores the checkpoints of a run.

    Keeps the last two, and `best.keras`, that of the best epoch.

    Args:
        folder: Where they lie; made when first needed.
        read_only: Only ever restore, as those of several processes do that are not the chief.
    """

    def __init__(self, folder, read_only=False):
        self.folder = pathlib.Path(folder)
        self._read_only = read_only

    def save(self, model, progress):
        """Saves the training state at this progress, whole or not at all.

        Raises:
            UserError: The last row is not finite, or it could not be written (a full disk); the
                last checkpoint is still there.
        """
        self._check_finite(progress)
        unfinished = self.folder / _UNFINISHED / "model.keras"
        try:
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            model.save(unfinished)
            with zipfile.ZipFile(unfinished, "a") as archive:
                archive.writestr(_PROGRESS, json.dumps(dataclasses.asdict(progress)))
            flush_to_disk(unfinished)
            os.replace(unfinished, self._path(progress.step))
            flush_to_disk(self.folder)
            self._keep_best(model, progress)
        except (OSError, RuntimeError) as error:  # HDF5 has RuntimeError for a full disk.
            raise UserError(self._failure_message(progress, error)) from error
        finally:
            self._remove_unfinished()
        self._remove_old()

    def _check_finite(self, progress):
        """Refuses a state from which no run could go on."""
        row = progress.rows[-1] if progress.rows else {}
        bad = [f"{name} = {value}" for name, value in row.items() if not math.isfinite(value)]
        if bad:
            steps = self.steps()
            kept = f"The checkpoint of step {steps[-1]} is kept" if steps else "There is none yet"
            raise UserError(
                f"Training stopped at step {progress.step}, and no checkpoint of it was saved, "
                f"because not all measures of the epoch are finite: {', '.join(bad)}. {kept}. If "
                "the loss grew without bound, start anew with a lower --learning-rate and another "
                "--directory."
            )

    def _failure_message(self, progress, error):
        steps = self.steps()
        kept = f"The last good checkpoint is that of step {steps[-1]}" if steps else "There is none"
        reason = getattr(error, "strerror", None) or error
        return (
            f"Could not save the checkpoint of step {progress.step} in {self.folder}: {reason}. "
            f"{kept}. Mend what this names (a full disk: make room), then run the same command "
            "with --resume."
        )

    def restore(self, model):
        """Puts the newest readable checkpoint into the model; gives its progress.

        Without any checkpoint the model is left at its beginning. A checkpoint that cannot be read
        is passed over for the one before it.

        Raises:
            UserError: There are checkpoints, but none can be read.
        """
        failures = []
        for step in reversed(self.steps()):
            path = self._path(step)
            try:
                progress = _read_progress(path)
                model.load_weights(path)
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                failures.append(f"{path.name} ({error})")
                continue
            if not self._read_only:  # A kill may have come while saving, or before this.
                self._remove_unfinished()
                self._keep_best(model, progress)
            return progress
        if failures:
            raise UserError(
                f"No checkpoint in {self.folder} can be read: {'; '.join(failures)}. Start the run "
                "anew with another --directory."
            )
        return Progress()

    def steps(self):
        """Steps of the checkpoints there are, ascending."""
        found = (re.fullmatch(r"step-(\d+)\.keras", p.name) for p in self.folder.glob("*.keras"))
        return sorted(int(match[1]) for match in found if match)

    def _path(self, step):
        return self.folder / f"step-{step:08d}.keras"

    def _keep_best(self, model, progress):
        """Makes the newest checkpoint the best one too, if it is."""
        objective = getattr(model, "objective", None)  # A classifier has none.
        best = progress.best_epoch(getattr(objective, "constraints", ()))
        if progress.rows and best == progress.epoch - 1:
            unfinished = self.folder / _UNFINISHED / _BEST
            unfinished.parent.mkdir(exist_ok=True)
            try:
                os.link(self._path(progress.step), unfinished)  # The same file under a second name.
            except OSError:  # Some file systems have no links.
                shutil.copyfile(self._path(progress.step), unfinished)
                flush_to_disk(unfinished)
            os.replace(unfinished, self.folder / _BEST)
            self._remove_unfinished()

    def _remove_unfinished(self):
        shutil.rmtree(self.folder / _UNFINISHED, ignore_errors=True)

    def _remove_old(self):
        for step in self.steps()[:-_NUM_KEPT]:
            self._path(step).unlink(missing_ok=True)


def _read_progress(path):
    with zipfile.ZipFile(path) as archive:
        return Progress(**json.loads(archive.read(_PROGRESS)))
