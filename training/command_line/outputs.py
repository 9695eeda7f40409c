"""Files and folders that commands write, checked before TensorFlow's start, which takes seconds."""

import os
import pathlib

from zoo.errors import SettingError, UserError

__all__ = [
    "add_file_option",
    "add_folder_option",
    "add_picture_option",
    "can_be_written",
    "check_file",
    "check_folder",
    "check_outputs",
    "save_picture",
]


def add_file_option(parser, *flags, **settings):
    """Adds a file that is written; its default, too, is checked by `check_outputs`."""
    _add(parser, check_file, *flags, **settings)


def add_folder_option(parser, *flags, **settings):
    """Adds a folder that is written into, likewise."""
    _add(parser, check_folder, *flags, **settings)


def add_picture_option(parser, default, otherwise=None):
    """Adds the picture that is written; `otherwise` says what the default is, if it is None."""
    text = f"the picture, a PNG file; {otherwise or f'default: {default}'}"
    _add(parser, _check_picture, "--output", metavar="FILE", default=default, help=text)


def _add(parser, check, *flags, **settings):
    name = parser.add_argument(*flags, **settings).dest
    parser.set_defaults(outputs={**(parser.get_default("outputs") or {}), name: check})


def check_outputs(arguments):
    """Raises SettingError for the first file or folder of a command that cannot be written."""
    given = vars(arguments)
    for name, check in given.get("outputs", {}).items():
        if given[name] is not None:
            check(name, given[name])


def check_file(name, path):
    """Raises SettingError, of the option `name`, for a path that no file can be written to."""
    if pathlib.Path(path).is_dir() or not can_be_written(path):
        raise SettingError(name, "a file that can be written", path)


def check_folder(name, path):
    """Raises SettingError, likewise, for a path at which there can be no folder to write into."""
    # What is there must be such a folder itself: a file in it has it for its parent.
    if not can_be_written(pathlib.Path(path) / "file"):
        raise SettingError(name, "a folder that can be written into", path)


def _check_picture(name, path):
    if not path.lower().endswith(".png"):
        raise SettingError(name, "a file that ends in .png", path)
    check_file(name, path)


def can_be_written(path):
    """Whether the innermost folder of a path that exists can be written into.

    In it those that are missing will be made.
    """
    parents = pathlib.Path(path).absolute().parents
    folder = next(parent for parent in parents if os.path.lexists(parent))
    return folder.is_dir() and os.access(folder, os.W_OK)


def save_picture(save, path, *content):
    """Calls `save(path, *content)`; says of a picture that cannot be written what to do."""
    try:
        save(path, *content)
    except OSError as error:
        raise UserError(f"Could not write {path}: {error.strerror or error}.") from error
