"""How a training run goes on: a table with a row an epoch, and what is left to do."""

import contextlib
import time

import keras
import numpy as np

from training.runs.stages import LiveLine, duration, stage

__all__ = ["ProgressTable"]

_LEAST_WIDTH = 7  # Of a measure's column.


class ProgressTable(keras.callbacks.Callback):
    """Prints a row an epoch, which on a terminal grows in place, and at least every ten seconds.

    Of the measures it shows what fits 80 columns: the rate and the rmse (the distortion of a model
    without an rmse), or the accuracy, in training and in validation. The time left is that of all
    steps still to do, with the validation and the saving between them, at the pace there was so far
    without the first step, which compiles.

    Args:
        steps: Optimiser steps of the whole run.
        seconds: As in `LiveLine`.
    """

    def __init__(self, steps, seconds=None):
        super().__init__()
        self._steps, self._seconds = steps, seconds
        self._open = contextlib.ExitStack()
        self._line = self._names = None
        self._doing = ""  # Other than steps: their row would stand there again and again.

    # === What Keras calls ===

    def on_train_begin(self, logs=None):
        """Finds where the run stands; the first step takes long."""
        self._done = int(self.model.optimizer.iterations.numpy())
        self._open.enter_context(stage("Compiling the training step", self._seconds))

    def on_train_end(self, logs=None):
        """Ends the table."""
        self.close()

    def close(self):
        """Ends what is being written; Keras does not call `on_train_end` after an error."""
        self._open.close()

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock of the steps alone."""
        self._epoch_started, self._epoch_done = time.perf_counter(), self._done

    def on_train_batch_end(self, batch, logs=None):
        """Counts; shows nothing by itself, for to read the logs is to wait for the device."""
        self._done += 1
        self._logs, self._doing = logs, ""
        self._stopped = time.perf_counter()
        if self._line is None:
            self._start(logs)

    def on_test_begin(self, logs=None):
        """Says that it is validation that lasts."""
        self._doing = "validating"

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's row; what follows is to be saved."""
        self._doing = ""
        self._line.write(self._row(logs))
        self._doing = "saving"

    # === The table ===

    def _start(self, logs):
        """Writes the table's head, once the measures are known and the step is compiled."""
        self._names = shown_measures(logs)
        self._started, self._first = self._stopped, self._done
        self._epoch_started, self._epoch_done = self._stopped, self._done
        self._open.close()
        self._line = self._open.enter_context(
            LiveLine(lambda: self._row(self._logs), self._seconds)
        )
        heads = [name.replace("val_", "val ") for name in self._names]
        self._line.write(self._join("step", heads, "ms/step", "time left"))

    def _row(self, logs):
        values = [f"{float(np.squeeze(logs[n])):.4g}" if n in logs else "" for n in self._names]
        end = ("", self._doing) if self._doing else (self._pace(), self._time_left())
        return self._join(f"{self._done}/{self._steps}", values, *end)

    def _join(self, step, values, pace, left):
        widths = [max(_LEAST_WIDTH, len(name)) for name in self._names]
        cells = [step.rjust(2 * len(str(self._steps)) + 1)]
        cells += [text.rjust(width) for text, width in zip(values, widths, strict=True)]
        end = f"{pace:>7}  {left:>9}"
        return "  ".join([*cells, end[-18:].rjust(18)])

    def _pace(self):
        steps = self._done - self._epoch_done
        return f"{1000 * (self._stopped - self._epoch_started) / steps:.0f}" if steps else ""

    def _time_left(self):
        steps = self._done - self._first
        if not steps:
            return ""
        pace = (time.perf_counter() - self._started) / steps
        return duration(pace * max(0, self._steps - self._done))


def shown_measures(logs):
    """Returns the names of the measures that a row has room for, of those that are logged."""
    error = "rmse" if "rmse" in logs else "distortion"
    names = [name for name in ("rate", error, "accuracy") if name in logs]
    return [*names, *(f"val_{name}" for name in names)]
