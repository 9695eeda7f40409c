"""Which of a constrained training's epochs is the best: the last of a min-max game may be poor."""

import math

import numpy as np

__all__ = ["measure_epoch", "rank"]


def measure_epoch(logs, constraints, margin=0.0):
    """Returns from an epoch's validation logs what epochs are compared by.

    Args:
        logs: Has `val_rate` and `val_<name>_violation` of each constraint, numbers.
        constraints: The objective's constraints, at least one.
        margin: How far beyond its tolerance a constraint still counts as met, relative to its
            `scale`.

    Returns:
        A dict of `rate` (nats an image), `violation` (the worst, relative to each constraint's
        scale; NaN if one of them is) and `is_feasible`.
    """
    relative = [float(np.squeeze(logs[f"val_{c.name}_violation"])) / c.scale for c in constraints]
    worst = float(np.max(relative))
    rate = float(np.squeeze(logs["val_rate"]))
    return {"rate": rate, "violation": worst, "is_feasible": worst <= margin}


def rank(measured):
    """What is smaller for a better epoch: the least rate of the feasible, else least violated.

    As TensorFlow Constrained Optimization ranks candidates. NaN comes last.
    """
    rate, violation = measured["rate"], measured["violation"]
    if not (math.isfinite(rate) and math.isfinite(violation)):
        return 2, 0.0, 0.0
    return (0, rate, 0.0) if measured["is_feasible"] else (1, violation, rate)
