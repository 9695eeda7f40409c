"""`vae-zoo reproduce`: repeats a figure or table of the papers."""

import re

from training.command_line.options import add_results_option
from training.command_line.outputs import check_folder
from training.reproduction import NAMES, SCALES
from zoo.errors import SettingError, UserError
from zoo.names import UnknownName

HELP = "repeat a figure or table of the papers, with its training runs"
EXAMPLES = """examples:
  vae-zoo reproduce figure-5               (two CPU cores: within two hours)
  vae-zoo reproduce figure-4 --scale smoke (does it run? less than a minute)
  vae-zoo reproduce figure-4 --shard 2/8   (the second of eight machines)
  vae-zoo reproduce figure-4               (again: what is done is not repeated)
"""


def add_options(parser):
    """Adds the target, how large its runs are, and which of them are done here."""
    parser.add_argument("target", help="figure-2, table-2, blur-map, ...; `vae-zoo list` has all")
    parser.add_argument(
        "--scale",
        choices=SCALES,
        default="small",
        help="smoke: tiny, only to see that it runs; small (default): minutes to a quarter of "
        "an hour a run on two CPU cores; paper: sizes like the authors', for GPUs",
    )
    parser.add_argument(
        "--shard",
        default="1/1",
        metavar="PART/PARTS",
        help="do this part of the runs; on machines that share the directory",
    )
    add_results_option(parser)


def check(arguments):
    """Tells a misspelt target, a shard that is none and a wrong place at once."""
    if arguments.target not in NAMES:
        raise UnknownName("target", arguments.target, NAMES)
    _parse_shard(arguments.shard)
    check_folder("directory", arguments.directory)


def run(arguments):
    """Does the runs of a target that are not finished, and draws what is there."""
    from training.reproduction.reproduce import do_runs, draw
    from training.reproduction.store import Store
    from training.reproduction.targets import TARGETS

    target = TARGETS[arguments.target]
    index, number = _parse_shard(arguments.shard)
    store = Store(arguments.directory, arguments.scale)
    runs = target.runs(arguments.scale)
    failed = do_runs(part_of(runs, index, number), runs, store)
    draw(target, store)
    if failed:
        raise UserError(f"Not all runs succeeded, see above: {', '.join(failed)}.")


def part_of(runs, index, number):
    """Returns the runs of a shard: every so many, each with those that come after it."""
    first = [one.name for one in runs if not one.after]
    shards = {name: position % number for position, name in enumerate(first)}
    for one in runs:
        if one.after:
            shards[one.name] = shards[one.after[0]]
    return [one for one in runs if shards[one.name] == index - 1]


def _parse_shard(text):
    """Reads "2/8", the second of eight parts."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    index, number = map(int, match.groups()) if match else (0, 0)
    if not 1 <= index <= number:
        expected = "PART/PARTS with 1 <= PART <= PARTS, such as 2/8 on the second of eight machines"
        raise SettingError("shard", expected, text)
    return index, number
