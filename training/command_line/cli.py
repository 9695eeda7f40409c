"""The command line `vae-zoo`, also `python -m training`."""

import argparse
import contextlib
import importlib.util
import os
import sys
import warnings

import zoo
from training.command_line.outputs import check_outputs
from training.command_line.presence import check_presence
from training.command_line.text import columns, paragraph
from training.recipes import imports
from training.runs.stages import stage
from zoo.errors import SettingError, UsageError, UserError
from zoo.names import UnknownName

__all__ = ["main"]

# Each is a module here, with `HELP`; `EXAMPLES`, the text below the options, if there are any;
# `add_options(parser)`; `run(arguments)`, which returns an exit code or None. `check(arguments)` is
# called before TensorFlow is imported, which takes seconds and is why a module imports what needs
# it inside of its functions. With `NEEDS_TENSORFLOW = False` it is not imported at all.
_COMMANDS = (
    *("list", "train", "evaluate", "sample", "reconstruct", "compare", "explore", "export"),
    *("serve", "data", "compress", "decompress", "reproduce", "report", "demo"),
)


def main(arguments=None):
    """Runs a command; returns the exit code: 0, 1 for a failure, 2 for wrong usage."""
    with contextlib.suppress(AttributeError):  # Replaced by something that is no file.
        sys.stdout.reconfigure(errors="backslashreplace")  # Names of files need not be UTF-8.
    # A notebook's kernel names a backend that this environment may lack. Keras imports Matplotlib,
    # which then fails; our pictures need none.
    os.environ.pop("MPLBACKEND", None)
    with _plain_warnings():
        return _main(sys.argv[1:] if arguments is None else arguments)


def _main(arguments):
    parser = _make_parser()
    try:
        _check_command(arguments)
        arguments, unknown = parser.parse_known_args(arguments)
        if unknown:
            arguments.refuse(f"unrecognized arguments: {' '.join(unknown)}")
        if arguments.command is None:
            parser.print_help()
            return 0
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


@contextlib.contextmanager
def _plain_warnings():
    """Shows warnings to users as a line of ours, without the place in the code that warns."""
    before = warnings.formatwarning

    def plain(message, category, *place, **more):
        if issubclass(category, UserWarning):
            return f"vae-zoo: {message}\n"
        return before(message, category, *place, **more)

    warnings.formatwarning = plain
    try:
        yield
    finally:
        warnings.formatwarning = before


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line: the whole usage above it would hide it."""

    def __init__(self, **kwargs):
        as_written = argparse.RawDescriptionHelpFormatter
        # An option that is cut short, such as --step, is refused, not guessed.
        super().__init__(formatter_class=as_written, allow_abbrev=False, **kwargs)

    def error(self, message):
        raise UsageError(f"{message}. `{self.prog} --help` explains the options.")


def _check_command(words):
    """Tells a misspelt command with those that look like it, which argparse would not."""
    # No option in front of a command takes a value, so the first other word is the command.
    command = next((word for word in words if not word.startswith("-")), None)
    if command is not None and command not in _COMMANDS:
        raise UnknownName("command", command, _COMMANDS)


def _make_parser():
    commands = {n: importlib.import_module(f"training.command_line.{n}") for n in _COMMANDS}
    # By hand: argparse gives the longest name a line of its own.
    table = columns([(name, command.HELP) for name, command in commands.items()], indent=2)
    parser = _Parser(
        prog="vae-zoo",
        usage="vae-zoo [-h] [--version] COMMAND ...",
        description="Train, measure and use latent-variable image models.",
        epilog="\n".join(
            ["commands:", *table, "", "`vae-zoo COMMAND --help` explains a command, with examples."]
        ),
    )
    version = f"vae-zoo {zoo.__version__}"
    parser.add_argument("--version", action="version", version=version, help="show the version")
    parser.set_defaults(command=None, refuse=parser.error)
    parsers = parser.add_subparsers(prog=parser.prog, metavar="COMMAND", help=argparse.SUPPRESS)
    for name, command in commands.items():
        own = parsers.add_parser(
            name,
            description=paragraph(f"{command.HELP[0].upper()}{command.HELP[1:]}."),
            epilog=getattr(command, "EXAMPLES", None),
        )
        command.add_options(own)
        own.set_defaults(command=command, refuse=own.error)  # It names its own --help.
    return parser


def _run(command, arguments):
    check_presence(arguments)
    check_outputs(arguments)
    if hasattr(command, "check"):
        command.check(arguments)
    if getattr(command, "NEEDS_TENSORFLOW", True):
        importlib.util.find_spec("zoo.models")  # Refuses another backend of Keras's.
        if "tensorflow" not in sys.modules:
            with stage("Starting TensorFlow"):
                _start_tensorflow()
        imports.import_all(getattr(arguments, "imports", []))
    return command.run(arguments)


def _start_tensorflow():
    import absl.logging
    import tensorflow  # noqa: F401  `zoo` keeps it quiet.

    absl.logging.set_verbosity(absl.logging.ERROR)


_QUOTES = "\"'"
_OTHER_NAMES = {"image_shape": "image_size"}  # Of settings, as options.


def _as_flag(name, value):
    """Writes a setting as an option: --image-size 64; --dequantize, which has no value."""
    flag = f"--{_OTHER_NAMES.get(name, name).replace('_', '-')}"
    return flag if value in (None, "True") else f"{flag} {value.strip(_QUOTES)}"
