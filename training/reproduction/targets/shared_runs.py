"""Runs that several targets make: variants of an objective, the ELBO's error, repeated seeds."""

from training.reproduction.scales import scaled
from training.reproduction.target import Run

__all__ = ["LABELS", "NUM_SEEDS", "make_variants", "run_to_the_same_error", "seed_suffix"]

LABELS = {"elbo": "ELBO", "annealed": "ELBO, annealed"}
NUM_SEEDS = {"smoke": 1, "small": 3, "paper": 3}  # Of targets that show how far repetitions differ.


def seed_suffix(seed):
    """How the name of a seed's run ends; of seed 0, which other targets share, as it is."""
    return f"_seed_{seed}" if seed else ""


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


def run_to_the_same_error(recipe_name, scale, elbo, name, measures=(), seed=0):
    """Makes the run under GECO whose tolerance is the rmse of the ELBO's run on the test split.

    Args:
        recipe_name: Name of the recipe of both.
        scale: One of `training.reproduction.SCALES`.
        elbo: Name of the run under the ELBO.
        name: Name of the run.
        measures: As in `Run`.
        seed: Seed of the run.
    """

    def recipe(results):
        error = results[elbo].metrics["test"]["rmse"]
        return scaled(recipe_name, scale, name, objective="geco", tolerance=error, seed=seed)

    return Run(name, recipe, measures, after=(elbo,))
