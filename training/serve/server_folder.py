"""Writes the folder that `vae-zoo serve` makes: a server's configuration, sized for its models."""

import dataclasses
import os
import pathlib
import re

import tensorflow as tf

from training.runs.run_directory import replace_file
from training.serve.served_models import version_folders
from zoo.errors import SettingError, UsageError, UserError
from zoo.serving import server_configuration as configuration
from zoo.serving import warmup
from zoo.serving.batch_measurement import LARGEST_BATCH, choose_batching, measure_batches

__all__ = ["size_batches", "write_folder", "write_models"]

_WRITTEN_BY = "Written by `vae-zoo serve`, which writes it anew each time."
_RELOADED = (
    f"{_WRITTEN_BY}\nA running server reads this file again within half a minute after a change. "
    "A label may\nmove only to a version that is loaded: add the version first, wait, then move it."
)
_NOT_MEASURED = "Not measured: for a GPU, measure on the GPU itself (docs/SERVING.md, Sizing)."
_OWN = f"Of this only the threads count: each model has its {configuration.MODEL_BATCHING_FILE}."
_MAX_BATCH_SIZE = re.compile(r"max_batch_size\s*{\s*value:\s*(\d+)")
_LARGEST = 2**12  # The server gets twice as many threads, and as many again for REST.
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
        SettingError: `max_batch_size` is not a power of two, too large, or too small for the
            models' warm-up requests.
        UsageError: Some models have batching of their own, and others have none.
        UserError: A model cannot be run.
    """
    own = _own_batches(models)
    if own:
        if max_batch_size is not None:
            expected = f"left out where models have their own {configuration.MODEL_BATCHING_FILE}"
            raise SettingError("max_batch_size", expected, max_batch_size)
        batching = configuration.Batching(max(own), num_threads=machine.num_cpus, per_model=True)
        return batching, _OWN
    least = _least_batch(models)
    if max_batch_size is not None:
        _check_batch_size(max_batch_size, least)
    if machine.has_gpu:
        largest = max_batch_size or max(LARGEST_BATCH, least)
        return configuration.Batching(largest, num_threads=_GPU_THREADS), _NOT_MEASURED
    measured = {m.name: _run(measure_batches, version_folders(m)[-1]) for m in models}
    batching = choose_batching(measured.values(), machine.num_cpus)
    text = "\n".join(_table(name, machine, seconds) for name, seconds in measured.items())
    if max_batch_size:
        text += "\nThe largest batch was not chosen by this, but given."
    chosen = max_batch_size or max(batching.max_batch_size, least)
    return dataclasses.replace(batching, max_batch_size=chosen), text


def _own_batches(models):
    """The largest batches of models that have batching of their own: of all versions, or none."""
    folders = [folder for model in models for folder in version_folders(model)]
    files = [folder / configuration.MODEL_BATCHING_FILE for folder in folders]
    there = [file for file in files if file.exists()]
    if there and there != files:
        without = next(file.parent for file in files if file not in there)
        raise UsageError(
            f"{there[0]} is batching for that model alone, and {without} has no such file: a "
            "server would not batch it at all. Publish all with batching=, or none."
        )
    return [int(_MAX_BATCH_SIZE.search(file.read_text(encoding="utf-8"))[1]) for file in there]


def _least_batch(models):
    """The smallest power of two that holds the warm-up requests of all that is served."""
    folders = [folder for model in models for folder in version_folders(model)]
    rows = [_run(warmup.most_rows, folder) for folder in folders]
    return 1 << (max(configuration.SMALLEST_BATCH, *rows) - 1).bit_length()


def _check_batch_size(size, least):
    sizes = configuration.batch_sizes(_LARGEST)
    if size not in sizes or size < least:
        expected = (
            f"a power of two from {least} to {_LARGEST}: batches are padded to those, and a server "
            f"does not load a model that warms up with more rows than a batch may have"
        )
        raise SettingError("max_batch_size", expected, size)


def _run(function, folder):
    try:
        return function(folder)
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
        UserError: A file cannot be written, or a model's folder is not there any more.
    """
    header = f"{_WRITTEN_BY}\n{measured}"
    write_models(directory, models)
    files = {
        configuration.BATCHING_FILE: configuration.batching_config(batching, header),
        configuration.MONITORING_FILE: configuration.monitoring_config(_WRITTEN_BY),
    }
    for name, text in files.items():
        _write(directory, name, text)
    return [configuration.MODELS_FILE, *files]


def write_models(directory, models):
    """Writes the file of the models alone, which a running server takes up; see `write_folder`."""
    for model in models:
        if not os.path.isdir(model.base_path):
            raise UserError(
                f"{model.base_path} is not there any more. Nothing was written: a server would "
                "wait for it, and take no other change until it is there."
            )
    _write(directory, configuration.MODELS_FILE, configuration.models_config(models, _RELOADED))


def _write(directory, name, text):
    with replace_file(pathlib.Path(directory, name)) as file:
        file.write(text)
