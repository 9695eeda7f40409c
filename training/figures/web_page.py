"""A web page of one file: no scripts, fonts or styles from elsewhere."""

import html

__all__ = ["table_row", "web_page"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
section { border-top: 1px solid #ccc; margin-top: 2.5rem }
img { max-width: 100% }
code, pre { background: #f3f3f3 }
code { padding: 0.1em 0.3em }
table { border-collapse: collapse; margin: 0.8rem 0 }
caption { text-align: left; font-weight: bold }
td, th { border: 1px solid #ccc; padding: 0.2rem 0.6rem; text-align: left; vertical-align: top }
"""


def web_page(title, body, style=""):
    """Returns a page as HTML.

    Args:
        title: What the browser's tab says, a text.
        body: HTML.
        style: CSS, after that which all pages have.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}{style.lstrip()}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def table_row(cells, tag="td"):
    """Returns a table's row as HTML, of texts."""
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"
