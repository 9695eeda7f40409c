"""Where the runs and drawings of reproductions lie.

DIRECTORY/SCALE/runs/NAME/        a run directory, with measures.json when the run is finished
DIRECTORY/SCALE/TARGET.png, .json the drawing and its numbers
"""

import csv
import json
import pathlib

from training import evaluation, model_source
from training.reproduction.target import Result
from training.run_directory import RunDirectory, replace_file

__all__ = ["Store"]


class Store:
    """The runs and drawings of one scale.

    Args:
        directory: The directory of all scales.
        scale: One of `training.reproduction.names.SCALES`.
    """

    def __init__(self, directory, scale):
        self.scale = scale
        self._folder = pathlib.Path(directory) / scale

    def run_directory(self, name):
        """Gives the `RunDirectory` of a run."""
        return RunDirectory(self._folder / "runs" / name)

    def picture(self, target_name):
        """Path of a target's picture."""
        return self._folder / f"{target_name}.png"

    def numbers(self, target_name):
        """Path of a target's numbers."""
        return self._folder / f"{target_name}.json"

    def read_result(self, run):
        """Gives the `Result` of a run, or None if it is not finished."""
        directory = self.run_directory(run.name)
        file = self._measures_file(run)
        if not (directory.metrics.exists() and file.exists()):
            return None
        measures = json.loads(file.read_text(encoding="utf-8"))
        if set(run.measures) - set(measures):
            return None
        with open(directory.history, encoding="utf-8") as rows:
            history = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(rows)]
        return Result(
            metrics=json.loads(directory.metrics.read_text(encoding="utf-8")),
            measures=measures,
            history=history,
            recipe=directory.read_recipe(),
            load=lambda: model_source.load_model(str(directory.path))[0],
        )

    def write_measures(self, run, model, data):
        """Measures a trained model as the run asks, and keeps that: the run is finished."""
        file = self._measures_file(run)
        # Of a target that shares the run and asked for less.
        found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        for name in run.measures:
            if name not in found:
                found[name] = evaluation.measure(name, model, data)
        self.write_json(file, found)

    def write_json(self, path, values):
        """Writes JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(str(path)) as file:
            json.dump(values, file, indent=1)
            file.write("\n")

    def _measures_file(self, run):
        return self.run_directory(run.name).path / "measures.json"
