"""How a trained model met the constraints of its objective, and what that amounts to."""

import math

__all__ = [
    "MARGIN",
    "curve",
    "equivalent_beta",
    "gap_texts",
    "infeasible_constraints",
    "margins",
    "shortfalls",
    "tolerances",
    "unmet_constraints",
    "validation_gaps",
    "verdict",
    "verdict_of_violation",
    "verdicts",
]

# The one margin of every verdict: an rmse counts as met up to this fraction of its tolerance
# beyond. Measures of a few hundred images are no more exact than that.
MARGIN = 0.05
_RISE = 1.01  # From one epoch to the next; a multiplier at its place moves a little, too.


def verdict(rmse, tolerance):
    """Says whether an rmse meets its tolerance, and by how much it is below or above."""
    excess = rmse / tolerance - 1.0
    if excess <= 0.0:
        return f"met, {-excess:.1%} below the tolerance {tolerance:g}"
    # NaN is not met either.
    start = f"met within {MARGIN:.0%}," if excess <= MARGIN else "not met,"
    return f"{start} {excess:.1%} above the tolerance {tolerance:g}"


def verdict_of_violation(violation, margin):
    """Says whether a constraint is met, in its own unit; the margin as in `margins`."""
    if violation <= 0.0:
        return "met; 0 is where the tolerance is kept exactly"
    if violation <= margin:
        return f"met within the margin of {margin:.3g}"
    return f"not met; the margin is {margin:.3g}"


def margins(model):
    """Returns the violation up to which each constraint counts as met, by its name.

    It is 0.1025 of the constraint's `scale`: for a reconstruction error an rmse of 1.05 times its
    tolerance, for an accuracy of κ a share of errors of 1.1025 (1 - κ).
    """
    constraints = getattr(model.objective, "constraints", [])
    return {c.name: float(((1.0 + MARGIN) ** 2 - 1.0) * c.scale) for c in constraints}


def tolerances(model, tolerance=None):
    """Returns the tolerances of a model's constraints, by the constraint's class name.

    Of a range it is that at which plain measures were taken: `tolerance`, or the middle.
    """
    constraints = getattr(model.objective, "constraints", [])
    found = {
        type(c).__name__: tolerance or c.range.middle if c.range else c.tolerance
        for c in constraints
    }
    return {name: tolerance for name, tolerance in found.items() if tolerance is not None}


def curve(model, test):
    """Returns what a model with a range of tolerances reached at each that was measured.

    Returns:
        A list of dicts of `tolerance`, `rmse` and `rate`; empty for another model, or where one
        tolerance alone was measured.
    """
    points = model.tolerances.measured if model.tolerances else []
    names = [(float(point), f"rmse_{point:.3g}", f"rate_{point:.3g}") for point in points]
    return [
        {"tolerance": point, "rmse": test[rmse], "rate": test[rate]}
        for point, rmse, rate in names
        if rmse in test
    ]


def _text(tolerance):
    """Says a tolerance or a range of them."""
    ends = tolerance if isinstance(tolerance, tuple | list) else [tolerance]
    return " to ".join(f"{end:g}" for end in ends)


def _excess_of_range(violation):
    """By how much an rmse exceeds its tolerance, of a violation relative to its square."""
    return math.sqrt(1.0 + violation) - 1.0


def infeasible_constraints(model):
    """Names of the constraints that seem not to be met at all: see `zoo.GECO.infeasible`."""
    return getattr(model.objective, "infeasible", list)()


def unmet_constraints(model, test, rows):
    """Finds the constraints that the test split does not meet, with the margin of `margins`.

    Args:
        model: The trained model.
        test: Measures of the test split, floats by name.
        rows: The run's history, one dict an epoch.

    Returns:
        By the constraint's name a dict of its kind, its tolerance, which of training and validation
        met it in the last epoch, and what its multiplier did at the end: "very high", "rising",
        "not rising", or "unknown" after a single epoch.
    """
    unmet = {}
    for constraint in getattr(model.objective, "constraints", []):
        name, margin = constraint.name, margins(model)[constraint.name]
        if not test[f"{name}_violation"] <= margin:  # NaN is not met either.
            unmet[name] = {
                "kind": type(constraint).__name__,
                "tolerance": constraint.tolerance,
                "met_by": _met_by(name, rows, margin),
                "multiplier": _end_of_multiplier(name, rows, infeasible_constraints(model)),
            }
    return unmet


def _met_by(name, rows, margin):
    row = rows[-1] if rows else {}
    splits = {"training": f"{name}_violation", "validation": f"val_{name}_violation"}
    return [split for split, key in splits.items() if row.get(key, math.inf) <= margin]


def _end_of_multiplier(name, rows, infeasible):
    if name in infeasible:
        return "very high"
    values = [row[f"val_{name}_multiplier"] for row in rows[-2:]]
    if len(values) < 2:
        return "unknown"
    return "rising" if values[1] > _RISE * values[0] else "not rising"


_ENDS = {
    "very high": "The multiplier is so high that raising it no longer helps. ",
    "rising": "The multiplier was still rising. ",
    "not rising": "The multiplier was no longer rising. ",
    "unknown": "",
}


def shortfalls(metrics):
    """Says of each constraint that was not met by how much, and what to do: a list of texts."""
    texts = []
    for name, unmet in metrics["unmet_constraints"].items():
        tolerance = _text(unmet["tolerance"])
        missed = (
            f"The tolerance {tolerance} of {name.replace('_', ' ')} was not met: it is exceeded by "
            f"{metrics['test'][f'{name}_violation']:.3g}"
        )
        if isinstance(unmet["tolerance"], tuple | list):
            excess = _excess_of_range(metrics["test"][f"{name}_violation"])
            missed = (
                f"Of the tolerances {tolerance} not every one was met: at worst "
                f"rmse is {excess:.1%} above its own"
            )
        elif unmet["kind"] == "ReconstructionError":
            rmse = metrics["test"]["rmse"]
            excess = rmse / unmet["tolerance"] - 1.0
            missed = (
                f"The tolerance {unmet['tolerance']:g} was not met: rmse {rmse:.4g} is "
                f"{excess:.1%} above it"
            )
        texts.append(f"{missed} on the test split. {_advice(unmet, metrics)}".rstrip())
    return texts + gap_texts(metrics.get("validation_gaps", {}))


def _advice(unmet, metrics):
    """Says what to do about a constraint that was not met: more training helps training alone."""
    match unmet["met_by"]:
        case ["training", "validation"]:
            return (
                f"Training and validation meet it: the {metrics['test_images']} images of the test "
                "split are harder, or too few to judge by."
            )
        case ["training"]:
            return ""  # `gap_texts` has more.
    return (
        f"{_ENDS[unmet['multiplier']]}Train for more steps, give the model more capacity, or ask "
        "for a looser tolerance."
    )


def validation_gaps(model, row):
    """Finds the constraints that training meets and validation violates, beyond the margin.

    Not of a range of tolerances: by how much validation is off there corrects what goes in.

    Args:
        model: The model.
        row: The measures of an epoch, floats by name.

    Returns:
        By the constraint's name a dict of its tolerance and of what `training` and `validation`
        reached: their rmse for a reconstruction error, else their violations.
    """
    gaps = {}
    for constraint in getattr(model.objective, "constraints", []):
        name = constraint.name
        reached = [row.get(f"{split}{name}_violation") for split in ("", "val_")]
        margin = margins(model)[name]
        if constraint.range is None and None not in reached and reached[0] <= margin < reached[1]:
            is_error = type(constraint).__name__ == "ReconstructionError"
            unit = "rmse" if is_error else "violation"
            if unit == "rmse":
                reached = [row["rmse"], row["val_rmse"]]
            gap = dict(zip(("training", "validation"), reached, strict=True))
            gaps[name] = {"tolerance": constraint.tolerance, "unit": unit} | gap
    return gaps


def gap_texts(gaps):
    """Says of each of `validation_gaps` what it means and what to do: a list of texts."""
    return [
        f"Training meets the tolerance {_text(gap['tolerance'])} of {name.replace('_', ' ')} "
        f"({gap['unit']} {gap['training']:.4g}) and validation does not ({gap['validation']:.4g}): "
        "the model has learnt its training images by heart, or those of validation are harder. "
        "Train on more images, vary them "
        "(--flip, --shift), cut patches of large photographs (--fit patches), or train for fewer "
        "steps."
        for name, gap in gaps.items()
    ]


def verdicts(metrics):
    """Says whether the tolerances were met, and if not what to do: a list of texts."""
    texts = shortfalls(metrics)
    if metrics["unmet_constraints"] or not metrics["tolerances"]:
        return texts
    if metrics.get("curve"):
        shares = [point["rmse"] / point["tolerance"] for point in metrics["curve"]]
        ends = f"{metrics['curve'][0]['tolerance']:g} to {metrics['curve'][-1]['tolerance']:g}"
        met = (
            f"The tolerances {ends} are met on the test split: at {len(shares)} of them rmse is "
            f"{min(shares):.3f} to {max(shares):.3f} of its own; a margin of {MARGIN:.0%} is "
            "allowed."
        )
        return [met, *texts]
    rmse, tolerance = metrics["test"].get("rmse"), metrics["tolerances"].get("ReconstructionError")
    by = ""
    if tolerance is not None:
        by = f": rmse {rmse:.4g}, {verdict(rmse, tolerance).partition(', ')[2]}"
    every = "Every tolerance" if len(metrics["tolerances"]) > 1 else "The tolerance"
    met = f"{every} is met on the test split{by}; a margin of {MARGIN:.0%} is allowed."
    return [met, *texts]


def equivalent_beta(model):
    """Returns the β of the β-VAE that weights squared errors as GECO's multiplier does, or None.

    A range of tolerances has a β for each, and none is given.

    β = D / (2 λ σ²) for the reconstruction error over D pixels, where σ is the likelihood's scale.
    """
    multiplier = model.objective.multipliers.get("reconstruction_error")
    scale = getattr(model.likelihood, "scale", None)
    if multiplier is None or scale is None or model.tolerances is not None:
        return None
    scale = float(scale)
    dimensions = math.prod(model.image_shape)
    return {"value": dimensions / (2.0 * multiplier * scale**2), "likelihood_scale": scale}
