"""What `vae-zoo report` does: one page of all targets, as HTML and as Markdown.

OUTPUT/reproduction.html          the page
OUTPUT/REPRODUCTION.md            the same for a repository
OUTPUT/reproduction/TARGET.*      pictures and numbers of the targets
OUTPUT/reproduction/runs/NAME.json    what each finished run measured
"""

import html
import json
import pathlib
import shutil

from training.reproduction.names import SCALES
from training.reproduction.reproduce import list_names
from training.reproduction.store import Store
from training.reproduction.targets import TARGETS
from training.run_directory import replace_file

__all__ = ["report"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
section { border-top: 1px solid #ccc; margin-top: 2.5rem }
img { max-width: 100% }
code { background: #f3f3f3; padding: 0.1em 0.3em }
table { border-collapse: collapse }
td, th { border: 1px solid #ccc; padding: 0.2rem 0.6rem; text-align: left; vertical-align: top }
.missing { color: #8a5a00 }
"""
_INTRODUCTION = (
    "Every figure and table of the papers that has a target of `vae-zoo reproduce`: the claim in "
    "our words, the paper's numbers where it gives any, ours, and whether they agree."
)
_SMOKE_NOTE = (
    "Only the smoke scale is there: tiny models, a few steps. It shows that the target runs; its "
    "numbers mean nothing, and there is no verdict."
)
_LARGEST_LIST = 12  # Numbers of a target shown on the page; the JSON has all.


_FOLDER = "reproduction"


def report(arguments):
    """Writes the page: `vae-zoo report`."""
    output = pathlib.Path(arguments.output)
    entries = [_Entry(target, arguments.directory) for target in TARGETS.values()]
    for entry in entries:
        entry.copy_to(output / _FOLDER)
    page = output / "reproduction.html"
    pages = {page: _as_html(entries), output / "REPRODUCTION.md": _as_markdown(entries)}
    for path, text in pages.items():
        with replace_file(path) as file:
            file.write(text)
    there = sum(entry.values is not None for entry in entries)
    print(f"Wrote {page}: {there} of {len(entries)} targets have results.")


class _Entry:
    """A target with what the largest scale that has results says of it.

    Attributes:
        target: The `Target`.
        scale: The scale, or None if no scale has results.
        values: The JSON of its drawing, or None.
        pictures: Names of its pictures.
    """

    def __init__(self, target, directory):
        self.target, self.scale, self.values = target, None, None
        self._store, self._files = None, []
        for scale in reversed(SCALES):
            store = Store(directory, scale)
            if store.numbers(target.name).exists():
                self.scale, self._store = scale, store
                self.values = json.loads(store.numbers(target.name).read_text(encoding="utf-8"))
                self._files = sorted(store.picture(target.name).parent.glob(f"{target.name}*.png"))
                break

    @property
    def pictures(self):
        return [file.name for file in self._files]

    def copy_to(self, folder):
        """Copies pictures and numbers beside the page, and what each finished run measured."""
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        if self.values is None:
            return
        for file in (*self._files, self._store.numbers(self.target.name)):
            shutil.copyfile(file, folder / file.name)
        if self.scale == "smoke":
            return
        for run in self.target.runs(self.scale):
            result = self._store.read_result(run)
            if result is not None:
                values = {"scale": self.scale, **result.metrics, "measures": result.measures}
                self._store.write_json(folder / "runs" / f"{run.name}.json", values)

    @property
    def verdict(self):
        """Whether the numbers agree with the paper, in a sentence."""
        if self.values is None:
            return "Not run yet."
        if self.scale == "smoke":
            return _SMOKE_NOTE
        text = self.target.verdict(self.values["numbers"])
        return text[0].upper() + text[1:]

    @property
    def command(self):
        """The command that makes it."""
        scale = "" if self.scale in (None, "small") else f" --scale {self.scale}"
        return f"vae-zoo reproduce {self.target.name}{scale}"

    @property
    def missing(self):
        """Names of the runs that are still to do."""
        return self.values["missing"] if self.values else []

    def numbers(self):
        """Pairs of what was measured and its value, as text; nested names are joined."""
        if self.values is None or self.scale == "smoke":
            return []
        return [(name, _as_text(value)) for name, value in _flatten(self.values["numbers"])]


def _flatten(values, prefix=""):
    if isinstance(values, dict):
        for name, value in values.items():
            yield from _flatten(value, f"{prefix}, {name}" if prefix else str(name))
    elif isinstance(values, list) and any(isinstance(value, dict) for value in values):
        for index, value in enumerate(values):
            label = value.get("label") or value.get("objective") or index
            rest = {n: v for n, v in value.items() if n not in ("label", "objective")}
            yield from _flatten(rest, f"{prefix}, {label}")
    else:
        yield prefix.replace("_", " "), values


def _as_text(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(_as_text(item) for item in value)
    return str(value)


def _as_html(entries):
    sections = "\n".join(_html_section(entry) for entry in entries)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>VAE Zoo: reproduction</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Reproduction</h1>\n<p>{html.escape(_INTRODUCTION)}</p>\n{_html_contents(entries)}\n"
        f"{sections}\n</body>\n</html>\n"
    )


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
    if entry.missing:
        missing = list_names(entry.missing)
        parts.append(f'<p class="missing">Runs still missing: {html.escape(missing)}.</p>')
    if target.paper_numbers:
        parts.append(_html_table("the paper's", target.paper_numbers.items()))
    if entry.numbers():
        table = _html_table("ours", entry.numbers())
        is_long = len(entry.numbers()) > _LARGEST_LIST
        folded = f"<details><summary>numbers</summary>{table}</details>"
        parts.append(folded if is_long else table)
    parts += [
        f'<p><img src="{_FOLDER}/{html.escape(name)}" alt="{html.escape(name)}"></p>'
        for name in entry.pictures
    ]
    parts.append(f"<p><code>{html.escape(entry.command)}</code></p>\n</section>")
    return "\n".join(parts)


def _html_table(title, rows):
    cells = "".join(
        f"<tr><td>{html.escape(str(name))}</td><td>{html.escape(_as_text(value))}</td></tr>"
        for name, value in rows
    )
    return f"<table><tr><th></th><th>{title}</th></tr>{cells}</table>"


def _as_markdown(entries):
    lines = ["# Reproduction", "", _INTRODUCTION, ""]
    for entry in entries:
        target = entry.target
        lines += [f"## {target.source} (`{target.name}`)", "", f"**Claim.** {target.claim}", ""]
        lines += [f"**Found.** {entry.verdict}", ""]
        if entry.missing:
            lines += [f"Runs still missing: {list_names(entry.missing)}.", ""]
        rows = [(f"the paper's {name}", value) for name, value in target.paper_numbers.items()]
        rows += entry.numbers()
        if rows:
            lines += ["| | |", "|---|---|"]
            lines += [f"| {name} | {_as_text(value)} |" for name, value in rows] + [""]
        for name in entry.pictures:
            lines += [f"![{target.name}](reproduction/{name})", ""]
        lines += [f"`{entry.command}`", ""]
    return "\n".join(lines)
