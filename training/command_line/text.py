"""Text for a terminal of 80 columns."""

import re
import textwrap

__all__ = ["WIDTH", "columns", "paragraph", "without_marks"]

WIDTH = 80
_GAP = 2  # Spaces between columns.
_UNBROKEN = {"break_long_words": False, "break_on_hyphens": False}  # Paths and names.


def paragraph(text):
    """Returns the text with its lines broken at `WIDTH`; a path or a name is never broken."""
    return "\n".join(textwrap.fill(line, WIDTH, **_UNBROKEN) for line in text.split("\n"))


def without_marks(markdown):
    """Returns a line of Markdown as a terminal shows it best: without stars, links in brackets."""
    return re.sub(r"\[(.+?)\]\((.+?)\)", r"\1 (\2)", markdown).replace("*", "")


def columns(rows, indent=0, right=(), tall=False):
    """Aligns rows of texts, each as many; the last column is broken where a line is full.

    Args:
        rows: Lists of texts, of the same length.
        indent: Spaces before a line.
        right: Indices of the columns that are aligned on the right, as numbers are.
        tall: Whether a name in the first column stands on a line of its own, above its row, where
            the row would be wider than `WIDTH`.

    Returns:
        A list of lines.
    """
    rows = [list(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if tall:
        room = WIDTH - indent - sum(_GAP + width for width in widths[1:])
        widths[0] = max(len(row[0]) for row in rows if len(row[0]) <= room)
    lines = []
    for row in rows:
        if len(row[0]) > widths[0]:
            lines.append(" " * indent + row[0])
            row = ["", *row[1:]]
        cells = [
            text.rjust(width) if index in right else text.ljust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        start = " " * indent + "".join(cell + " " * _GAP for cell in cells[:-1])
        room = max(WIDTH - len(start), _GAP * 10)
        parts = textwrap.wrap(cells[-1], room, **_UNBROKEN) or [""]
        lines += [(" " * len(start) if n else start) + part for n, part in enumerate(parts)]
    return [line.rstrip() for line in lines]
