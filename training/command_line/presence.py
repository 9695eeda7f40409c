"""Whether what a command is given is there, told before TensorFlow's start, which takes seconds."""

import os

from training.runs.model_names import check_model
from zoo.errors import UsageError

__all__ = ["check_presence"]

_FOLDER = "folder:"


def check_presence(arguments):
    """Tells a model, a file or a folder of images that is not there.

    Args:
        arguments: What the command line was parsed into.

    Raises:
        UsageError: One of them is not there.
    """
    given = vars(arguments)
    for model in _given(given, "model", "models"):
        check_model(model)
    for file in _given(given, "file", "files"):
        try:
            open(file, "rb").close()
        except OSError as error:
            raise UsageError(f"Cannot read {file}: {error.strerror}.") from error
    for data_set in _given(given, "dataset", "name"):
        folder = data_set.removeprefix(_FOLDER)
        if folder not in ("", data_set) and not os.path.isdir(os.path.expanduser(folder)):
            raise UsageError(f"There is no folder of images {folder}. Check its path.")


def _given(given, one, several):
    """Returns what stands under either name, a list."""
    values = [given.get(one), given.get(several)]
    return [
        text for value in values for text in ([value] if isinstance(value, str) else value or ())
    ]
