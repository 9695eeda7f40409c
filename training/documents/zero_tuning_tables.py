"""The table of runs for which nothing was tuned, from the JSON of `benchmarks/zero_tuning.py`."""

import itertools

from training.documents.markers import table
from training.documents.runs import read_benchmark

__all__ = ["TABLES"]

MARGIN = 0.03
_HEADER = ("data", "architecture", "steps", "within 3% of κ", "rmse / κ", "said to be infeasible")


def _zero_tuning():
    runs = read_benchmark("zero_tuning")
    order = sorted(runs, key=_group)
    rows = [_row(*group, list(members)) for group, members in itertools.groupby(order, _group)]
    return table(list(_HEADER), rows, texts=(0, 1, 4, 5))


def _group(run):
    return run["data"], run["architecture"], run["steps"]


def _row(data, architecture, steps, runs):
    runs = sorted(runs, key=lambda run: run["tolerance"])
    errors = [run["rmse"] / run["tolerance"] for run in runs]
    met = sum(abs(error - 1) <= MARGIN for error in errors)
    each = ", ".join(
        f"{error:.3f} at {run['tolerance']:g}" for error, run in zip(errors, runs, strict=True)
    )
    infeasible = ", ".join(f"{run['tolerance']:g}" for run in runs if run["infeasible"])
    return [data, architecture, str(steps), f"{met} of {len(runs)}", each, infeasible or "–"]


TABLES = {"zero-tuning": _zero_tuning}
