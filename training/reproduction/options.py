"""The command lines of `vae-zoo reproduce` and `vae-zoo report`."""

from training.reproduction.names import SCALES

__all__ = ["REPORT_EXAMPLES", "REPRODUCE_EXAMPLES", "add_report_options", "add_reproduce_options"]

REPRODUCE_EXAMPLES = """examples:
  vae-zoo reproduce figure-5                         (two CPU cores: within two hours)
  vae-zoo reproduce figure-4 --scale smoke           (does it run? less than a minute)
  vae-zoo reproduce figure-4 --shard 2/8             (the second of eight machines)
  vae-zoo reproduce figure-4                         (again: finished runs are not repeated)
"""
REPORT_EXAMPLES = """example:
  vae-zoo report --output report       (then open report/reproduction.html)
"""
_DIRECTORY = "reproduction"


def add_reproduce_options(parser):
    """Adds the options of `vae-zoo reproduce` to its parser."""
    parser.add_argument("target", help="figure-2, table-2, blur-map, ...; `vae-zoo list` has all")
    parser.add_argument(
        "--scale",
        choices=SCALES,
        default="small",
        help="smoke: tiny, only to see that it runs; small (default): at most ten minutes a run on "
        "two CPU cores; paper: sizes like the authors', for GPUs",
    )
    parser.add_argument(
        "--shard",
        default="1/1",
        metavar="PART/PARTS",
        help="do this part of the runs; on machines that share the directory",
    )
    _add_directory(parser)


def add_report_options(parser):
    """Adds the options of `vae-zoo report` to its parser."""
    parser.add_argument(
        "--output", default="report", help="the folder to write: reproduction.html, REPRODUCTION.md"
    )
    _add_directory(parser)


def _add_directory(parser):
    parser.add_argument(
        "--directory",
        default=_DIRECTORY,
        help=f"where runs and drawings lie; default: {_DIRECTORY}",
    )
