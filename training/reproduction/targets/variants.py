"""The objectives that Figures 4 and 6 of Taming VAEs set side by side."""

from training.reproduction.scales import scaled
from training.reproduction.target import Run

__all__ = ["LABELS", "make_variants"]

LABELS = {"elbo": "ELBO", "annealed": "ELBO, annealed"}


def make_variants(system, scale, tolerances, measures=()):
    """Makes a run under GECO at each tolerance, one under the ELBO and one annealed by hand.

    Args:
        system: Name of the recipe of all, and how the runs' names begin.
        scale: One of `training.reproduction.SCALES`.
        tolerances: GECO's.
        measures: As in `Run`.
    """
    variants = {f"geco_{t:g}": {"objective": "geco", "tolerance": t} for t in tolerances}
    variants["elbo"] = {"objective": "elbo"}
    variants["annealed"] = {"objective": _annealed(scaled(system, scale, system).steps)}
    return [
        Run(f"{system}_{label}", scaled(system, scale, f"{system}_{label}", **changes), measures)
        for label, changes in variants.items()
    ]


def _annealed(steps):
    """The objective that GQN anneals by hand, its horizon a third of the run [choice]."""
    beta = {"start": 2.0, "end": 0.7, "steps": max(steps // 3, 1)}
    schedule = {"class_name": "PixelScaleAnnealing", "arguments": beta}
    return {"class_name": "ELBO", "arguments": {"beta": schedule}}
