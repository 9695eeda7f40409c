"""The report as pages: HTML, and Markdown for a repository."""

import html
import re

from training.figures.web_page import table_row, web_page
from training.reproduction import FOLDER
from training.reproduction.reproduce import list_names
from training.reproduction.tables import Table, as_text

__all__ = ["PAGES", "as_html", "as_markdown"]

_STYLE = ".missing { color: #8a5a00 }\n"
_INTRODUCTION = (
    "The figures and tables of the papers that vae-zoo reproduce has as targets. Each has the "
    "claim in our words, what was found, the paper's numbers where it has any, ours, and the "
    'command. The scale "small" is sized for two CPU cores, far from the papers\' sizes; "smoke" '
    "only shows that a target runs. Our CIFAR-10 is of JPEG-compressed copies: likelihoods of it "
    "do not compare with published ones. make docs writes this page and draws its pictures again."
)
_LONG_TABLE = 14  # Rows from which on a table is folded.


def as_html(entries):
    """Returns the page as HTML."""
    sections = "\n".join(_html_section(entry) for entry in entries)
    body = (
        f"<h1>Reproduction</h1>\n<p>{html.escape(_INTRODUCTION)}</p>\n{_html_contents(entries)}\n"
        f"{sections}"
    )
    return web_page("VAE Zoo: reproduction", body, _STYLE)


def _html_contents(entries):
    rows = "".join(
        f'<tr><td><a href="#{entry.target.name}">{html.escape(entry.target.name)}</a></td>'
        f"<td>{html.escape(entry.target.source)}</td><td>{entry.scale or ''}</td>"
        f"<td>{html.escape(entry.verdict)}</td></tr>\n"
        for entry in entries
    )
    return (
        f"<table>\n<tr><th>target</th><th>of</th><th>scale</th><th>found</th></tr>\n{rows}</table>"
    )


def _html_section(entry):
    target = entry.target
    parts = [
        f'<section id="{target.name}">\n<h2>{html.escape(target.source)}</h2>',
        f"<p><b>Claim.</b> {html.escape(target.claim)}</p>",
        f"<p><b>Found.</b> {html.escape(entry.verdict)}</p>",
    ]
    if entry.remark:
        parts.append(f"<p><b>Why.</b> {html.escape(entry.remark)}</p>")
    if entry.missing:
        missing = list_names(entry.missing)
        parts.append(f'<p class="missing">Runs still missing: {html.escape(missing)}.</p>')
    parts += [_html_table(table) for table in _tables(entry)]
    parts += [
        f'<p><img src="{FOLDER}/{html.escape(name)}" alt="{html.escape(name)}"></p>'
        for name in entry.pictures
    ]
    made_by = f" ({html.escape(entry.provenance)})" if entry.provenance else ""
    parts.append(f"<p><code>{html.escape(entry.command)}</code>{made_by}</p>\n</section>")
    return "\n".join(parts)


def _html_table(table):
    rows = "".join(map(table_row, table.rows))
    caption = f"<caption>{html.escape(table.title)}</caption>" if table.title else ""
    text = f"<table>{caption}{table_row(table.header, 'th')}{rows}</table>"
    if len(table.rows) < _LONG_TABLE:
        return text
    return f"<details><summary>{html.escape(table.title or 'numbers')}</summary>{text}</details>"


def _tables(entry):
    """The paper's numbers, then ours."""
    paper = tuple((name, as_text(value)) for name, value in entry.target.paper_numbers.items())
    theirs = [Table("", ("", "the paper's"), paper)] if paper else []
    return [*theirs, *entry.tables()]


def as_markdown(entries):
    """Returns the page as Markdown."""
    lines = ["# Reproduction", "", _INTRODUCTION, "", *_markdown_contents(entries), ""]
    for entry in entries:
        target = entry.target
        # An anchor of its own: renderers make different ones of a heading.
        lines += [f'<a id="{target.name}"></a>', ""]
        lines += [f"## {target.source} (`{target.name}`)", "", f"**Claim.** {target.claim}", ""]
        lines += [f"**Found.** {entry.verdict}", ""]
        lines += [f"**Why.** {entry.remark}", ""] if entry.remark else []
        if entry.missing:
            lines += [f"Runs still missing: {list_names(entry.missing)}.", ""]
        for table in _tables(entry):
            lines += [f"{table.title}:", ""] if table.title else []
            lines += [_markdown_row(table.header), "|---" * len(table.header) + "|"]
            lines += [*map(_markdown_row, table.rows), ""]
        for name in entry.pictures:
            lines += [f"![{target.name}]({FOLDER}/{name})", ""]
        made_by = f" ({entry.provenance})" if entry.provenance else ""
        lines += [f"`{entry.command}`{made_by}", ""]
    return "\n".join(lines)


def _markdown_contents(entries):
    rows = [
        (f"[{entry.target.name}](#{entry.target.name})", entry.target.source, _beginning(entry))
        for entry in entries
    ]
    return [_markdown_row(("target", "of", "found")), "|---|---|---|", *map(_markdown_row, rows)]


def _beginning(entry):
    """Returns the verdict up to its numbers: "Agrees in part"."""
    return re.split(r"[:;(.]", entry.verdict)[0].strip()


def _markdown_row(cells):
    return f"| {' | '.join(cells)} |"


PAGES = {"reproduction.html": as_html, "REPRODUCTION.md": as_markdown}
