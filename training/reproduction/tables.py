"""The numbers of a drawing as tables: nested dicts and lists of JSON, read by their shape."""

import dataclasses

__all__ = ["Table", "as_tables", "as_text"]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        title: What it is of, or "".
        header: Names of the columns; the first names the rows.
        rows: Of as many texts each.
    """

    title: str
    header: tuple
    rows: tuple


def as_tables(values, title=""):
    """Returns tables of a dict of numbers, of dicts, and of lists of dicts: a list of `Table`."""
    plain = {name: value for name, value in values.items() if not _is_nested(value)}
    nested = {name: value for name, value in values.items() if _is_nested(value)}
    tables = [_table(title, {"": plain}, transposed=True)] if plain else []
    groups = {name: _as_rows(value) for name, value in nested.items()}
    if groups and all(not any(map(_is_nested, row.values())) for row in groups.values()):
        return [*tables, _table(title, groups)]
    for name, group in groups.items():
        tables += as_tables(group, f"{title}, {_words(name)}" if title else _words(name))
    return tables


def as_text(value):
    """A number with four digits; of a list, each; a dash where there is none."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(as_text(item) for item in value)
    return str(value)


def _is_nested(value):
    is_list_of_dicts = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    return isinstance(value, dict) or is_list_of_dicts


def _as_rows(value):
    """A list of dicts as a dict of them, by what names each."""
    if isinstance(value, dict):
        return value
    rows = {}
    for index, row in enumerate(value):
        names = [str(row[key]) for key in ("objective", "label") if row.get(key)]
        rest = {key: item for key, item in row.items() if key not in ("objective", "label")}
        rows[" ".join(names) or str(index)] = rest
    return rows


def _table(title, rows, transposed=False):
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    cells = [[as_text(row.get(column, "")) for column in columns] for row in rows.values()]
    names = [_words(column) for column in columns]
    if transposed:
        body = tuple(zip(names, cells[0], strict=True))
        return Table(title, ("", "ours"), body)
    body = tuple((_words(name), *row) for name, row in zip(rows, cells, strict=True))
    return Table(title, ("", *names), body)


def _words(name):
    return str(name).replace("_", " ")
