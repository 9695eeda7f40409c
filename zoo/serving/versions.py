"""Publishing: an export as the next version under a base path that a server may be watching."""

import os
import pathlib
import re

from zoo.errors import SettingError
from zoo.serving import manifest
from zoo.serving.server_configuration import MODEL_BATCHING_FILE, batching_config
from zoo.serving.unfinished_folder import as_local_path, move_complete, unfinished_folder

__all__ = ["is_version", "publish", "versions_in"]

LARGEST_VERSION = 2**63 - 1  # TensorFlow Serving counts in int64 and ignores larger numbers.
# 7, and bad-7, which was taken from the server; not .7.unfinished-host-12-00000007.
_NUMBERED = re.compile(r"(?!\.)(?!.*\.unfinished-)(?:.+-)?([0-9]+)", re.DOTALL)


def publish(model, base_path, batching=None, **export_arguments):
    """Exports a model as the next version under `base_path`: `base_path/1`, then 2, and so on.

    TensorFlow Serving, which serves the highest number unless told otherwise, loads the version as
    soon as it is there, and it is there only when it is complete and was checked: see
    `zoo.serving.export`. Any number of processes may publish at once; each gets its own number.
    After any error nothing is left behind, and what killed exports left is removed.

    A number is given once, for clients, labels and logs know it: a version that was taken from the
    server by renaming it to a name that ends in `-NUMBER`, such as `bad-7`, still counts. The
    number of a folder that was deleted is given out again if it was the highest: rename rather
    than delete.

    Args:
        model: A model with the method `export`: any of the zoo's, classifiers too.
        base_path: A local folder, the `base_path` of the server's configuration; made if need be.
        batching: A `zoo.serving.Batching` for this model alone, read by a server that is started
            with `--enable_per_model_batching_parameters`; None: that of the server.
        **export_arguments: Passed on to `model.export`, such as `log_prob_samples=` or `metadata=`.

    Returns:
        The folder of the version, a `pathlib.Path`.

    Raises:
        ValueError: `base_path` is a URL, or itself an exported model, or has no number left; or
            the warm-up has more rows than `batching` allows, which a server would not load.
        NotADirectoryError: `base_path` is a file.
        RuntimeError: The written model does not answer as the Keras model does.
        OSError, tf.errors.OpError: Writing failed, for example because the disk is full.

    Example:
        >>> model = zoo.load("conv_draw_mnist")
        >>> zoo.serving.publish(model, "models/conv_draw").name  # then "2", "3", ...
        '1'
    """
    base_path = _as_base_path(base_path)
    with unfinished_folder(base_path, "version") as folder:
        exported = os.path.join(folder, "1")
        model.export(exported, **export_arguments)
        if batching is not None:
            _write_batching(exported, batching)
        return _rename_to_next(exported, base_path)


def _write_batching(folder, batching):
    from zoo.serving import warmup  # Which needs TensorFlow, as publishing does not.

    rows = warmup.most_rows(folder)
    if batching.max_batch_size < rows:
        expected = f"at least {rows}, the rows of the largest warm-up request"
        raise SettingError("max_batch_size", expected, batching.max_batch_size)
    text = batching_config(batching, "Written by zoo.serving.publish.")
    pathlib.Path(folder, MODEL_BATCHING_FILE).write_text(text, encoding="utf-8")
    manifest.write(folder)


def _as_base_path(path):
    path = as_local_path(
        path,
        "publish",
        "Publish locally, then copy the version to its base path under another name first, such as "
        "`copying`, and rename it.",
    )
    if os.path.lexists(path) and not os.path.isdir(path):
        raise NotADirectoryError(f"base_path must be a folder of versions. {path} is a file.")
    if os.path.exists(os.path.join(path, "saved_model.pb")):
        raise ValueError(
            f"base_path must be a folder of versions. {path} is itself an exported model: pass "
            f"its parent, {os.path.dirname(path)}."
        )
    return path


def _rename_to_next(folder, base_path):
    while True:
        path = os.path.join(base_path, str(_next_version(base_path)))
        try:
            move_complete(folder, path)
        except OSError:
            if not os.path.lexists(path):
                raise
            # Another process has taken the number meanwhile: try the next.
        else:
            return pathlib.Path(path)


def versions_in(base_path):
    """Returns the folders that a server takes for versions, the newest last; `[]` without any.

    Args:
        base_path: A folder such as `savedmodels/NAME`; there need be none.
    """
    folders = [path for path in pathlib.Path(base_path).glob("*/") if is_version(path.name)]
    return sorted(folders, key=lambda path: (int(path.name), path.name))


def is_version(name):
    """Whether a server takes a folder of this name for a version."""
    return name.isascii() and name.isdecimal() and int(name) <= LARGEST_VERSION


def _next_version(base_path):
    """Returns one more than the highest number among the names; 0005 is 5, as to a server."""
    numbers = (_number(name) for name in os.listdir(base_path))
    highest = max((number for number in numbers if number <= LARGEST_VERSION), default=0)
    if highest == LARGEST_VERSION:
        raise ValueError(f"{base_path} has a version {highest}: no number is left for a newer one.")
    return highest + 1


def _number(name):
    """Returns the number of a version, also of one that was renamed; 0 for another name."""
    match = _NUMBERED.fullmatch(name)
    return int(match[1]) if match else 0
