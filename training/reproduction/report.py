"""One page of all targets, as HTML and as Markdown.

OUTPUT/reproduction.html          the page
OUTPUT/REPRODUCTION.md            the same for a repository
OUTPUT/reproduction/TARGET.*      the targets' numbers, and pictures drawn from them
OUTPUT/reproduction/runs/NAME.json    what each finished run measured

Where OUTPUT has results of a larger scale than DIRECTORY, or DIRECTORY none, those stay: so a page
grows, whoever made its parts, and on which machine.
"""

import pathlib
import shutil

from training.reproduction import FOLDER, SCALES, drawn, pages
from training.reproduction.store import Store
from training.reproduction.tables import as_tables
from training.reproduction.targets import TARGETS
from training.runs.run_directory import replace_file

__all__ = ["read_entries", "write_pages", "write_report"]

_SMOKE_NOTE = (
    "Only the smoke scale is there: tiny models, a few steps. It shows that the target runs; its "
    "numbers mean nothing, and there is no verdict."
)


def write_report(directory, output):
    """Writes the page of the results in DIRECTORY into the folder OUTPUT; there are some."""
    output = pathlib.Path(output)
    folder = output / FOLDER
    entries = [_Entry(target, directory, folder) for target in TARGETS.values()]
    there = sum(entry.values is not None for entry in entries)
    kept = sum(entry.is_kept for entry in entries)
    for entry in entries:
        entry.copy_to(folder)
    page = output / "reproduction.html"
    write_pages(output, entries)
    from_before = f", {kept} of them as they were" if kept else ""
    print(f"Wrote {page}: {there} of {len(entries)} targets have results{from_before}.")


def read_entries(folder):
    """Returns what the page in a folder has of each target, a list for `pages`."""
    return [_Entry(target, None, folder) for target in TARGETS.values()]


def write_pages(output, entries):
    """Writes the page in both forms into a folder."""
    for name, write in pages.PAGES.items():
        with replace_file(output / name) as file:
            file.write(write(entries))


def _size(values):
    """The place of a drawing's scale among `SCALES`; -1 of none."""
    return SCALES.index(values["scale"]) if values else -1


class _Entry:
    """A target with what the largest scale that has results says of it.

    Attributes:
        target: The `Target`.
        scale: The scale, or None if no scale has results.
        values: The JSON of its drawing, or None.
        is_kept: Whether these are results that the page had before.
        pictures: Names of its pictures.
    """

    def __init__(self, target, directory, folder):
        self.target, self._store, self.values, self._folder = target, None, None, folder
        for store in [Store(directory, scale) for scale in SCALES] if directory else []:
            if (found := drawn.read(store.folder, target)) is not None:
                self._store, self.values = store, found[0]
        before, _ = drawn.read(folder, target) or (None, None)
        self.is_kept = _size(before) > _size(self.values)
        if self.is_kept:
            self.values = before
        self.scale = self.values["scale"] if self.values else None

    @property
    def pictures(self):
        return [file.name for file in drawn.pictures(self._folder, self.target)]

    def copy_to(self, folder):
        """Copies the numbers beside the page and draws them; and what each run measured."""
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        if self.values is None or self.is_kept:
            return
        for file in drawn.sources(self._store.folder, self.target):
            shutil.copyfile(file, folder / file.name)
        drawn.draw_again(folder, self.target)
        if self.scale == "smoke":
            return
        for name, result in self._store.read_results(self.target.runs(self.scale)).items():
            if result is not None:
                values = {
                    "scale": self.scale,
                    "made_with": result.made_with,
                    "recipe": result.recipe.to_dict(),
                    **result.metrics,
                    "measures": result.measures,
                }
                self._store.write_json(folder / "runs" / f"{name}.json", values)

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
    def remark(self):
        """What explains the verdict; it is about the small scale."""
        return self.target.remark if self.scale == "small" else ""

    @property
    def command(self):
        """The command that makes it."""
        scale = "" if self.scale in (None, "small") else f" --scale {self.scale}"
        return f"vae-zoo reproduce {self.target.name}{scale}"

    @property
    def provenance(self):
        """Whose results these are: seeds and commits of the runs, or "" where there are none."""
        if not self.values or not self.values["seeds"]:
            return ""
        seeds = sorted(set(self.values["seeds"].values()))
        commits = sorted({str(commit)[:7] for commit in self.values["commits"].values()})
        number = len(self.values["seeds"])
        return (
            f"{number} run{'s' * (number > 1)} of seed {', '.join(map(str, seeds))}, made by "
            f"commit {', '.join(commits)}{self.values.get('note', '')}"
        )

    @property
    def missing(self):
        """Names of the runs that are still to do."""
        return self.values["missing"] if self.values else []

    def tables(self):
        """What was measured, as a list of `Table`; of the smoke scale nothing."""
        if self.values is None or self.scale == "smoke":
            return []
        return as_tables(self.values["numbers"])
