"""The command line `vae-zoo`, also `python -m training`."""

import argparse
import contextlib
import importlib
import os
import sys

from training.command_line import quiet
from training.recipes import imports
from zoo.errors import SettingError, UserError

__all__ = ["main"]

# Each is a module here, with `HELP`; `EXAMPLES`, the text below the options, if there are any;
# `add_options(parser)`; `run(arguments)`, which returns an exit code or None. `check(arguments)` is
# called before TensorFlow is imported, which takes seconds and is why a module imports what needs
# it inside of its functions. With `NEEDS_TENSORFLOW = False` it is not imported at all.
_COMMANDS = (
    *("list", "train", "evaluate", "sample", "reconstruct", "compare", "export", "serve", "data"),
    *("reproduce", "report", "demo"),
)


def main(arguments=None):
    """Runs a command; returns the exit code: 0, 1 for a failure, 2 for wrong usage."""
    arguments = _make_parser().parse_args(arguments)
    with contextlib.suppress(AttributeError):  # Replaced by something that is no file.
        sys.stdout.reconfigure(errors="backslashreplace")  # Names of files need not be UTF-8.
    try:
        return _run(arguments.command, arguments) or 0
    except SettingError as error:
        print(f"vae-zoo: {error.text(_as_flag)}", file=sys.stderr)
        return error.exit_code
    except UserError as error:
        print(f"vae-zoo: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nvae-zoo: stopped. A training run continues with --resume.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # The reader of our output has left, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _make_parser():
    parser = argparse.ArgumentParser(
        prog="vae-zoo",
        description="Train, measure and use latent-variable image models.",
        epilog="`vae-zoo COMMAND --help` explains a command, with examples.",
    )
    parsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in _COMMANDS:
        command = importlib.import_module(f"training.command_line.{name}")
        own = parsers.add_parser(
            name,
            help=command.HELP,
            description=f"{command.HELP[0].upper()}{command.HELP[1:]}.",
            epilog=getattr(command, "EXAMPLES", None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_options(own)
        own.set_defaults(command=command)
    return parser


def _run(command, arguments):
    if hasattr(command, "check"):
        command.check(arguments)
    if getattr(command, "NEEDS_TENSORFLOW", True):
        quiet.start_tensorflow()
        imports.import_all(getattr(arguments, "imports", []))
    return command.run(arguments)


_QUOTES = "\"'"
_OTHER_NAMES = {"image_shape": "image_size"}  # Of settings, as options.


def _as_flag(name, value):
    """Writes a setting as an option: --image-size 64; --dequantize, which has no value."""
    flag = f"--{_OTHER_NAMES.get(name, name).replace('_', '-')}"
    return flag if value in (None, "True") else f"{flag} {value.strip(_QUOTES)}"
