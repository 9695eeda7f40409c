"""Where the runs and drawings of reproductions lie.

DIRECTORY/SCALE/runs/NAME/        a run directory, with measures.json when the run is finished
DIRECTORY/SCALE/TARGET.*          the drawing and what it shows: see `drawn`
"""

import contextlib
import csv
import json
import os
import pathlib
import sys

from training import evaluation
from training.reproduction.target import Result
from training.runs import model_source
from training.runs.run_directory import RunDirectory, write_json
from training.runs.stages import stage
from zoo.errors import SettingError, UserError
from zoo.serving import file_lock

__all__ = ["Store"]


class Store:
    """The runs and drawings of one scale.

    Args:
        directory: The directory of all scales.
        scale: One of `training.reproduction.SCALES`.

    Attributes:
        folder: The `pathlib.Path` of the scale's drawings.
    """

    def __init__(self, directory, scale):
        self.scale = scale
        self.folder = pathlib.Path(directory) / scale
        if pathlib.Path(directory).is_file():
            raise SettingError("directory", "a folder, not a file", str(directory))

    def run_directory(self, name):
        """Returns the `RunDirectory` of a run."""
        return RunDirectory(self.folder / "runs" / name)

    def read_results(self, runs):
        """Returns the `Result` of each run, by name, and None of one that is not finished.

        What another recipe made is left out and named: there may be much else to draw.

        Args:
            runs: The `Run`s; each comes after those of its `after`.
        """
        results = {}
        for run in runs:
            try:
                results[run.name] = self.read_result(run, results)
            except UserError as error:
                print(f"{run.name}: left out. {error}", file=sys.stderr)
                results[run.name] = None
        return results

    def read_result(self, run, before):
        """Returns the `Result` of a run, or None if it is not finished.

        Args:
            run: The `Run`.
            before: Results of the runs it comes after, by name.

        Raises:
            UserError: A finished run of that name was made by another recipe.
        """
        directory = self.run_directory(run.name)
        measures = self._read_measures(run)
        if not directory.metrics.exists() or measures is None or set(run.measures) - set(measures):
            return None
        recipe = directory.read_recipe()
        _check_same(run, before, recipe, directory)
        with open(directory.history, encoding="utf-8") as rows:
            history = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(rows)]
        return Result(
            metrics=json.loads(directory.metrics.read_text(encoding="utf-8")),
            measures=measures,
            history=history,
            recipe=recipe,
            made_with=json.loads(directory.recipe.read_text(encoding="utf-8"))["made_with"],
            load=lambda: model_source.load_model(str(directory.path))[0],
        )

    def _read_measures(self, run):
        file = self._measures_file(run)
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None

    def write_measures(self, run, model, data):
        """Measures a trained model as the run asks, and keeps each: the run is finished."""
        # Of a target that shares the run and asked for less, or of a call that was interrupted.
        found = self._read_measures(run) or {}
        self.write_json(self._measures_file(run), found)
        for name in run.measures:
            if name not in found:
                with stage(f"Measuring {name}"):
                    found[name] = evaluation.measure(name, model, data)
                self.write_json(self._measures_file(run), found)

    @contextlib.contextmanager
    def alone(self, run):
        """Returns whether no other process is at work on the run; holds it until the end if so."""
        directory = self.run_directory(run.name).path
        directory.parent.mkdir(parents=True, exist_ok=True)
        lock = file_lock.open_lock(directory.with_name(f".{run.name}.lock"))
        try:
            yield file_lock.take(lock)
        finally:
            os.close(lock)

    def write_json(self, path, values):
        """Writes JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, values)

    def _measures_file(self, run):
        return self.run_directory(run.name).path / "measures.json"


def _check_same(run, before, recipe, directory):
    """Refuses what another recipe made."""
    if any(before[name] is None for name in run.after):
        return  # What it came after is being made anew.
    asked, found = run.make_recipe(before).to_dict(), recipe.to_dict()
    ignored = ("name", "description", "fidelity")
    changed = [name for name in asked if name not in ignored and asked[name] != found[name]]
    if changed:
        raise UserError(
            f"The run in {directory.path} was made with another {changed[0]}: "
            f"{found[changed[0]]!r}, not {asked[changed[0]]!r}. Remove it to make it anew, or give "
            "another --directory."
        )
