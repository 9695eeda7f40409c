"""`vae-zoo report`: writes a page of everything that was reproduced."""

from training.command_line.options import add_results_option

HELP = "write a page of everything that was reproduced, as HTML and Markdown"
EXAMPLES = """example:
  vae-zoo report --output report       (then open report/reproduction.html)
"""


def add_options(parser):
    """Adds the page's folder, and where the results are."""
    parser.add_argument(
        "--output", default="report", help="the folder to write: reproduction.html, REPRODUCTION.md"
    )
    add_results_option(parser)


def run(arguments):
    """Writes the page."""
    from training.reproduction.report import write_report

    write_report(arguments.directory, arguments.output)
