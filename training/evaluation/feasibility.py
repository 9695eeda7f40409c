"""How a trained model met the constraints of its objective, and what that amounts to."""

import math

__all__ = [
    "equivalent_beta",
    "infeasible_constraints",
    "shortfalls",
    "tolerances",
    "unmet_constraints",
    "verdicts",
]

MARGIN = 0.05  # An rmse counts as met up to this fraction of its tolerance beyond.


def tolerances(model):
    """Returns the tolerances of a model's constraints, by the constraint's class name."""
    found = {type(c).__name__: c.tolerance for c in getattr(model.objective, "constraints", [])}
    return {name: tolerance for name, tolerance in found.items() if tolerance is not None}


def infeasible_constraints(model):
    """Names of the constraints that seem not to be met at all: see `zoo.GECO.infeasible`."""
    return getattr(model.objective, "infeasible", list)()


def unmet_constraints(model, test, rows):
    """Finds the constraints that the test split does not meet, with a margin.

    A constraint is met up to a violation of 0.1025 of its `scale`: a reconstruction error up to an
    rmse of 1.05 times its tolerance, an accuracy of κ up to a share of errors of 1.1025 (1 - κ).

    Args:
        model: The trained model.
        test: Measures of the test split, floats by name.
        rows: The run's history, one dict an epoch.

    Returns:
        By the constraint's name a dict of its kind, its tolerance, and what its multiplier did at
        the end: "very high", "rising", "not rising", or "unknown" after a single epoch.
    """
    unmet = {}
    for constraint in getattr(model.objective, "constraints", []):
        name, tolerance = constraint.name, constraint.tolerance
        margin = ((1.0 + MARGIN) ** 2 - 1.0) * constraint.scale
        if not test[f"{name}_violation"] <= margin:  # NaN is not met either.
            end = _end_of_multiplier(name, rows, infeasible_constraints(model))
            kind = type(constraint).__name__
            unmet[name] = {"kind": kind, "tolerance": tolerance, "multiplier": end}
    return unmet


def _end_of_multiplier(name, rows, infeasible):
    if name in infeasible:
        return "very high"
    values = [row[f"val_{name}_multiplier"] for row in rows[-2:]]
    if len(values) < 2:
        return "unknown"
    return "rising" if values[1] > values[0] else "not rising"


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
        missed = (
            f"The tolerance {unmet['tolerance']:g} of {name.replace('_', ' ')} was not met: it is "
            f"exceeded by {metrics['test'][f'{name}_violation']:.3g}"
        )
        if unmet["kind"] == "ReconstructionError":
            rmse = metrics["test"]["rmse"]
            missed = f"The tolerance {unmet['tolerance']:g} was not met: rmse {rmse:.4g}"
        texts.append(
            f"{missed} on the test split. {_ENDS[unmet['multiplier']]}Train for more steps, give "
            "the model more capacity, or ask for a looser tolerance."
        )
    return texts


def verdicts(metrics):
    """Says whether the tolerances were met, and if not what to do: a list of texts."""
    unmet = shortfalls(metrics)
    if unmet or not metrics["tolerances"]:
        return unmet
    rmse, tolerance = metrics["test"].get("rmse"), metrics["tolerances"].get("ReconstructionError")
    by = "" if tolerance is None else f": rmse {rmse:.4g}, {100 * (rmse / tolerance - 1):+.1f}%"
    every = "Every tolerance" if len(metrics["tolerances"]) > 1 else "The tolerance"
    return [f"{every} is met on the test split{by}; a margin of {100 * MARGIN:g}% is allowed."]


def equivalent_beta(model):
    """Returns the β of the β-VAE that weights squared errors as GECO's multiplier does, or None.

    β = D / (2 λ σ²) for the reconstruction error over D pixels, where σ is the likelihood's scale.
    """
    multiplier = model.objective.multipliers.get("reconstruction_error")
    scale = getattr(model.likelihood, "scale", None)
    if multiplier is None or scale is None:
        return None
    scale = float(scale)
    dimensions = math.prod(model.image_shape)
    return {"value": dimensions / (2.0 * multiplier * scale**2), "likelihood_scale": scale}
