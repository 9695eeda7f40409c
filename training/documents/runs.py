"""Training runs that are committed: docs/results/NAME and docs/reproduction/runs/NAME.json."""

import csv
import dataclasses
import json
import pathlib

__all__ = ["ROOT", "Run", "read_benchmark", "read_json", "read_run"]

ROOT = pathlib.Path(__file__).parents[2]
_RESULTS, _REPRODUCTION = ROOT / "docs/results", ROOT / "docs/reproduction/runs"
_SIZES = {"digits": 16 * 16, "mnist": 28 * 28, "cifar10": 32 * 32 * 3, "color_mnist": 28 * 28 * 3}


@dataclasses.dataclass(frozen=True)
class Run:
    """What is committed of a run.

    Attributes:
        metrics: `metrics.json`.
        recipe: The recipe, a dict.
        measures: What was measured beside, by name.
        commit: What made it.
        paths: The files.
    """

    metrics: dict
    recipe: dict
    measures: dict
    commit: str
    paths: tuple

    @property
    def test(self):
        """Measures on the test split."""
        return self.metrics["test"]

    @property
    def tolerance(self):
        """The tolerance of its one constraint, or None."""
        return next(iter(self.metrics["tolerances"].values()), None)

    @property
    def relative_multiplier(self):
        """λ over the ELBO's weight at σ = κ, D / (2κ²)."""
        dimensions = _SIZES[self.recipe["data"]["name"]]
        (multiplier,) = self.metrics["multipliers"].values()
        return multiplier * 2.0 * self.tolerance**2 / dimensions

    def history(self):
        """Returns the rows of `history.csv`, a dict of numbers an epoch."""
        path = next(path for path in self.paths if path.suffix == ".csv")
        with open(path, encoding="utf-8") as rows:
            return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(rows)]


def read_json(path):
    """Returns a JSON file of the repository, a path from its root."""
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def read_benchmark(name):
    """Returns the JSON that a benchmark wrote."""
    return read_json(f"benchmarks/results/{name}.json")


def read_run(name):
    """Returns a `Run` of docs/results, or else of docs/reproduction/runs."""
    folder = _RESULTS / name
    if not folder.exists():
        path = _REPRODUCTION / f"{name}.json"
        values = read_json(path)
        return Run(values, values["recipe"], values["measures"], _commit(values), (path,))
    paths = tuple(sorted(folder.iterdir()))
    metrics, recipe = (read_json(folder / f"{part}.json") for part in ("metrics", "recipe"))
    measures = {path.stem: read_json(path) for path in paths if path.stem.startswith("measures")}
    measures |= measures.pop("measures", {})
    return Run(metrics, recipe, measures, _commit(recipe), paths)


def _commit(values):
    return str(values["made_with"]["commit"])[:7]
