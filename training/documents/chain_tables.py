"""The table of step sizes of short chains, from the JSON of `benchmarks/chain_step_sizes.py`."""

from training.documents.markers import table
from training.documents.runs import read_benchmark

__all__ = ["TABLES"]

_HEADER = ("step size", "likelihood's σ", "step size at the end", "rmse", "of 5 times the steps")


def _chain_steps():
    rows = [_row(case) for case in read_benchmark("chain_step_sizes")["cases"]]
    return table(list(_HEADER), rows, texts=2)


def _row(case):
    step_size = case["step_size"]
    rule = f"{step_size:g}" if isinstance(step_size, float) else f'`"{step_size}"`'
    scale = "running σ*" if case["scale"] is None else f"{case['scale']:g}"
    errors = (f"{case[name]:.3f}" for name in ("rmse", "rmse_of_longer_chains"))
    return [rule, scale, f"{case['last_step_size']:.3f}", *errors]


TABLES = {"chain-steps": _chain_steps}
