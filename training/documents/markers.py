"""Tables in Markdown, between a marker with their name and one that ends them."""

import re

__all__ = ["END", "START", "fill", "names", "table"]

START, END = "<!-- table: {} -->", "<!-- end of table -->"
_BLOCK = re.compile(r"( *)<!-- table: (\S+) -->\n.*?<!-- end of table -->", re.DOTALL)


def fill(text, tables):
    """Returns a document with its tables written anew.

    Args:
        text: The document.
        tables: Makers of tables, functions of nothing to a list of lines, by name.

    Raises:
        KeyError: A marker names no table.
    """

    def write(found):
        indent, name = found.groups()
        lines = [START.format(name), "", *tables[name](), "", END]
        return "\n".join(indent + line if line else "" for line in lines)

    return _BLOCK.sub(write, text)


def names(text):
    """Returns the names of a document's tables, in order."""
    return [name for _, name in _BLOCK.findall(text)]


def table(header, rows, texts=None):
    """Returns the lines of a table.

    Args:
        header: Texts.
        rows: Lists of as many texts.
        texts: Which columns are texts, to the left, where the others are numbers, to the right: how
            many of the first, or their indices. None: all.
    """
    if texts is None or isinstance(texts, int):
        texts = range(len(header) if texts is None else texts)
    align = ["---" if column in texts else "--:" for column in range(len(header))]
    lines = [f"| {' | '.join(row)} |" for row in (header, *rows)]
    return [lines[0], f"|{'|'.join(align)}|", *lines[1:]]
