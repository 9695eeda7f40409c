"""Writes the folder that `vae-zoo serve` makes: a server's configuration, sized for its models."""

import dataclasses
import pathlib

import tensorflow as tf

from training.runs.run_directory import replace_file
from training.serve.served_models import version_folders
from zoo.errors import SettingError, UserError
from zoo.serving import server_configuration as configuration
from zoo.serving.batch_measurement import LARGEST_BATCH, choose_batching, measure_batches

__all__ = ["size_batches", "write_folder"]

_WRITTEN_BY = "Written by `vae-zoo serve`, which writes it anew each time."
_RELOADED = (
    f"{_WRITTEN_BY}\nA running server reads this file again within half a minute after a change. "
    "A label may\nmove only to a version that is loaded: add the version first, wait, then move it."
)
_NOT_MEASURED = "Not measured: for a GPU, measure on the GPU itself (docs/SERVING.md, Sizing)."
_MAX_BATCH_SIZES = [
    2**k for k in range(13)
]  # The server gets twice as many threads, and as many again for REST.
_GPU_THREADS = 2  # One batch runs while the next is copied.


def size_batches(models, machine, max_batch_size=None):
    """Sizes the server's batches: by a short measurement, but for a GPU.

    Args:
        models: `ServedModel`s.
        machine: A `Machine`.
        max_batch_size: Rows of the largest batch, where it is given, a power of two.

    Returns:
        A `Batching`, and lines of text about what was measured.

    Raises:
        SettingError: `max_batch_size` is not a power of two, or too large.
        UserError: A model cannot be run.
    """
    if max_batch_size is not None and max_batch_size not in _MAX_BATCH_SIZES:
        expected = f"a power of two from 1 to {_MAX_BATCH_SIZES[-1]}: batches are padded to those"
        raise SettingError("max_batch_size", expected, max_batch_size)
    if machine.has_gpu:
        largest = max_batch_size or LARGEST_BATCH
        return configuration.Batching(largest, num_threads=_GPU_THREADS), _NOT_MEASURED
    measured = {model.name: _measure(version_folders(model)[-1]) for model in models}
    batching = choose_batching(measured.values(), machine.num_cpus)
    text = "\n".join(_table(name, machine, seconds) for name, seconds in measured.items())
    if max_batch_size:
        batching = dataclasses.replace(batching, max_batch_size=max_batch_size)
        text += "\nThe largest batch was not chosen by this, but given."
    return batching, text


def _measure(folder):
    try:
        return measure_batches(folder)
    except (ValueError, OSError, tf.errors.OpError) as error:
        raise UserError(f"The model in {folder} cannot be run: {error}") from error


def _table(name, machine, seconds):
    lines = [
        f"Measured: {name}, signature serving_default, {machine.num_cpus} CPUs, without a server.",
        "   rows  ms a batch  rows a second",
    ]
    lines += [f"  {size:5}{1e3 * time:12.1f}{size / time:15.0f}" for size, time in seconds.items()]
    return "\n".join(lines)


def write_folder(directory, models, batching, measured):
    """Writes the files that a server reads.

    Args:
        directory: The folder; files of the same names are replaced.
        models: `ServedModel`s.
        batching: A `Batching`.
        measured: Lines of text about it.

    Returns:
        The names of the files.

    Raises:
        UserError: A file cannot be written.
    """
    header = f"{_WRITTEN_BY}\n{measured}"
    files = {
        configuration.MODELS_FILE: configuration.models_config(models, _RELOADED),
        configuration.BATCHING_FILE: configuration.batching_config(batching, header),
        configuration.MONITORING_FILE: configuration.monitoring_config(_WRITTEN_BY),
    }
    for name, text in files.items():
        with replace_file(pathlib.Path(directory, name)) as file:
            file.write(text)
    return list(files)
