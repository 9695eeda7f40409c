"""Keras callbacks of a run: checkpoints with the history, and TensorBoard's images."""

import contextlib
import os
import tempfile
import textwrap
import time

import keras
import numpy as np
import tensorflow as tf

from training import figures
from training.evaluation import feasibility
from training.runs.checkpoints import CheckpointStore

__all__ = ["SaveProgress", "StopAtStep", "WarnOfGap", "WriteImages"]

_EPOCHS_OF_A_GAP = 3


class SaveProgress(keras.callbacks.Callback):
    """At the end of each epoch saves a checkpoint and writes `history.csv`.

    Args:
        run_directory: The `RunDirectory`.
        progress: The `Progress` that the run starts from; it grows with the run.
        is_chief: Whether this process writes. The others save to a place that is thrown away:
            reading a model's state is the work of all.
    """

    def __init__(self, run_directory, progress, is_chief=True):
        super().__init__()
        self._run_directory = run_directory
        self._progress = progress
        self._is_chief = is_chief

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._started = self._stopped = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        """Stops the clock, until the next batch: evaluation is not training time."""
        self._stopped = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Saves the state, then derives `history.csv` from what was saved."""
        step = int(self.model.optimizer.iterations.numpy())
        learning_rate = float(np.asarray(self.model.optimizer.learning_rate))
        row = {"epoch": epoch + 1, "step": step, "learning_rate": learning_rate}
        row |= {name: float(np.squeeze(value)) for name, value in (logs or {}).items()}
        row["seconds"] = round(self._stopped - self._started, 3)
        self._progress.step = step
        self._progress.rows.append(row)
        with contextlib.ExitStack() as stack:
            folder = self._run_directory.checkpoints
            if not self._is_chief:
                folder = stack.enter_context(tempfile.TemporaryDirectory())
            CheckpointStore(folder).save(self.model, self._progress)
        if self._is_chief:
            self._run_directory.write_history(self._progress.rows)


class WarnOfGap(keras.callbacks.Callback):
    """Says once, while it can be stopped, that validation violates what training meets."""

    def __init__(self):
        super().__init__()
        self._num_epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the epoch; a single one may be chance."""
        row = {name: float(np.squeeze(value)) for name, value in (logs or {}).items()}
        gaps = feasibility.validation_gaps(self.model, row)
        self._num_epochs = self._num_epochs + 1 if gaps else 0
        if self._num_epochs == _EPOCHS_OF_A_GAP:
            print(
                *(textwrap.fill(t, 80) for t in feasibility.gap_texts(gaps)), sep="\n", flush=True
            )


class StopAtStep(keras.callbacks.Callback):
    """Ends training at a step that need not be the end of an epoch.

    Args:
        step: The last optimiser step.

    Attributes:
        steps_done: Steps that the run has done.
    """

    def __init__(self, step):
        super().__init__()
        self._step = step
        self.steps_done = 0

    def on_train_begin(self, logs=None):
        """Finds where the run stands."""
        self.steps_done = int(self.model.optimizer.iterations.numpy())

    def on_train_batch_end(self, batch, logs=None):
        """Counts steps without waiting for the device to tell."""
        self.steps_done += 1
        if self.steps_done >= self._step:
            self.model.stop_training = True


class WriteImages(keras.callbacks.Callback):
    """At the end of each epoch writes reconstructions and samples for TensorBoard.

    Args:
        folder: Where TensorBoard's files lie.
        examples: What to reconstruct: a dict of `image`, uint8 `[N, H, W, C]`, and of a conditional
            model's `context`, uint8 `[N, H, W, C']`, which also serves the samples.
        channels_are_images: As in `figures.as_pixels`.
    """

    def __init__(self, folder, examples, channels_are_images=False):
        super().__init__()
        self._writer = tf.summary.create_file_writer(os.path.join(folder, "images"))
        self._images = examples["image"]
        self._context = examples.get("context")
        self._channels_are_images = channels_are_images

    def on_epoch_end(self, epoch, logs=None):
        """Writes the two pictures at the optimiser's step."""
        num, context, as_images = len(self._images), self._context, self._channels_are_images
        given = {} if context is None else {"context": context}
        reconstructions = np.asarray(self.model.reconstruct(self._images, **given))
        samples = np.asarray(self.model.sample(num, seed=0, **given))
        data, reconstructions, samples = (
            figures.beside_context(images, context, as_images)
            for images in (self._images, reconstructions, samples)
        )
        with self._writer.as_default(step=int(self.model.optimizer.iterations.numpy())):
            pairs = np.concatenate([data, reconstructions], axis=1)
            tf.summary.image("data_above_reconstructions", _in_a_row(pairs))
            tf.summary.image("samples", _in_a_row(samples))
        self._writer.flush()


def _in_a_row(pixels):
    """Joins pixels `[N, H, W, 3]` to one picture, `[1, H, N * W, 3]`."""
    return np.concatenate(list(pixels), axis=1)[None]
