"""`vae-zoo report`: writes a page of everything that was reproduced."""

from pathlib import Path

from training.command_line.options import add_results_option
from training.command_line.outputs import add_folder_option
from training.reproduction import FOLDER, SCALES
from zoo.errors import UsageError

HELP = "write a page of all that was reproduced, as HTML and Markdown"
EXAMPLES = """example:
  vae-zoo report --output report       (then open report/reproduction.html)
"""


def add_options(parser):
    """Adds the page's folder, and where the results are."""
    add_folder_option(
        parser,
        "--output",
        default="report",
        help="the folder to write: reproduction.html, REPRODUCTION.md",
    )
    add_results_option(parser)


def check(arguments):
    """Tells at once that there is nothing to write of."""
    folders = [Path(arguments.directory) / scale for scale in SCALES]
    folders.append(Path(arguments.output) / FOLDER)
    if not any(path.suffix == ".json" for folder in folders for path in _files(folder)):
        raise UsageError(
            f"{arguments.directory} has no results of any target, so nothing was written. Run "
            "vae-zoo reproduce first, or name the directory of its results with --directory."
        )


def _files(folder):
    return folder.iterdir() if folder.is_dir() else ()


def run(arguments):
    """Writes the page."""
    from training.reproduction.report import write_report

    write_report(arguments.directory, arguments.output)
