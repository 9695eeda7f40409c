"""Tables of GECO's update: cases, parts, and short runs over data, batches and schedules."""

from training.documents.markers import table
from training.documents.runs import read_benchmark, read_run

__all__ = ["TABLES"]

# Case, variant; what else the table shows of the run after so many steps.
_CASES = (
    ("mnist, 1250 steps", "before", "MNIST, κ = 0.1, 1250 steps"),
    ("mnist", "default", "MNIST, κ = 0.1, 4000 steps"),
    ("mnist, 1250 steps", "default, gain 4", "MNIST, κ = 0.1, 1250 steps"),
    ("mnist, 0.15", "before", "MNIST, κ = 0.15, 2500 steps"),
    ("mnist, 0.15", "default", "MNIST, κ = 0.15, 2500 steps"),
    ("digits", "before", "digits, κ = 0.1, 1500 steps"),
    ("digits", "default", "digits, κ = 0.1, 1500 steps"),
    ("mnist, batch 32", "default", "MNIST, κ = 0.1, 1250 steps of 32 images"),
    ("mnist, batch 512", "default", "MNIST, κ = 0.1, 1250 steps of 512 images"),
    ("mnist, cosine 1000", "default", "MNIST, κ = 0.1, 1000 steps along a cosine"),
    ("color, 1250 steps", "default", "Color-MNIST, κ = 0.1, 1250 steps"),
    ("color, batch 32", "default", "Color-MNIST, κ = 0.1, 1250 steps of 32 images"),
    ("color, cosine 1250", "default", "Color-MNIST, κ = 0.1, 1250 steps along a cosine"),
)
_STEPS_A_CHECK, _FIRST_JUDGED = 250, 1000
_OTHER_SEEDS = (1, 2)


def _cases():
    runs, others = _runs(), [_runs(seed) for seed in _OTHER_SEEDS]
    rows = []
    for case, variant, label in _CASES:
        run = runs[case, variant]
        rows.append(_row(label, variant, run))
        if (case, variant) == ("mnist", "default"):
            rows.append(["the same run after 1250 steps", variant, *_after(run, 1250), "", ""])
        for seed, found in zip(_OTHER_SEEDS, others, strict=True):
            if (case, variant) in found:
                rows.append(_row(f"the same, seed {seed}", variant, found[case, variant]))
    header = ("case", "update", "test rmse / κ", "worst", "rate, nats", "overshoot, %")
    return table((*header, "settled at step"), rows)


def _row(label, variant, run):
    update = "default with proportional gain 4" if "gain" in variant else variant
    rate, overshoot, worst = _part(run)
    settled = "never" if run["settled"] is None else str(run["settled"])
    return [label, update, f"{run['error']:.3f}", worst, rate, overshoot, settled]


# Of the default: case, data, model, tolerance.
_REACHED = (
    ("mnist, 0.15", "MNIST", "ConvVAE", 0.15),
    ("mnist", "MNIST", "ConvVAE", 0.1),
    ("digits", "digits", "a small ConvDRAW", 0.1),
)


def _reached():
    """README's: what today's default reaches."""
    runs, rows = _runs(), []
    for case, data, model, tolerance in _REACHED:
        run = runs[case, "default"]
        steps = _STEPS_A_CHECK * len(run["test_errors"])
        rows.append([data, model, tolerance, run["error"], run["rate"], steps])
    run = read_run("own_photographs_augmented")
    error = run.test["rmse"] / run.tolerance
    row = ["300 photographs", "ConvDRAW", run.tolerance, error, run.test["rate"]]
    rows.append([*row, run.metrics["steps"]])
    header = ("data", "model", "asked: κ", "test rmse", "rmse / κ", "rate, nats an image", "steps")
    cells = [
        [data, model, f"{k:g}", f"{k * error:.4f}", f"{error:.3f}", f"{rate:.1f}", f"{steps:,}"]
        for data, model, k, error, rate, steps in rows
    ]
    return table(header, cells)


def _runs(seed=0):
    """Returns the runs of a seed by case and variant."""
    runs = read_benchmark("multiplier_update")["runs"]
    return {(run["case"], run["variant"]): run for run in runs if run["seed"] == seed}


def _after(run, step):
    """Error, worst error and rate of a run at a step."""
    checks = step // _STEPS_A_CHECK
    judged = run["test_errors"][_FIRST_JUDGED // _STEPS_A_CHECK - 1 : checks]
    worst = max(judged, key=lambda error: abs(error - 1.0))
    return [f"{judged[-1]:.3f}", f"{worst:.3f}", f"{run['test_rates'][checks - 1]:.1f}"]


_PARTS = {
    "default": "default",
    "default, full weight": "without the ELBO's weight at the start",
    "default, gain 0": "without the proportional term",
    "default, rises as it falls": "rising as fast as it falls",
    "default, decay 0.99": "decay 0.99",
    "default, decay 0.9": "decay 0.9",
    "default, step size 0.02": "step size 0.02",
    "default, by factors": "rising by factors above λ_0",
    "default, gain 4": "proportional gain 4",
    "before": "before",
    "before without waiting": "before, without waiting",
    "before without slowdown": "before, without the slowdown",
    "before without both": "before, without both",
}


def _parts():
    runs = _runs()
    rows = []
    for variant, label in _PARTS.items():
        cells = []
        for case in ("mnist, 0.15", "mnist"):
            run = runs.get((case, variant))
            cells += ["", "", ""] if run is None else _part(run)
        rows.append([label, *cells])
    header = ("update", "κ = 0.15: nats", "overshoot, %", "worst")
    return table((*header, "κ = 0.1: nats", "overshoot, %", "worst"), rows)


def _part(run):
    return [
        f"{run['rate']:.1f}",
        f"{run['overshoot_percent']:.1f}",
        f"{run['worst_from_1000']:.3f}",
    ]


TABLES = {"reached": _reached, "multiplier-cases": _cases, "multiplier-parts": _parts}
