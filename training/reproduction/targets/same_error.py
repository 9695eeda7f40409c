"""Runs under GECO to the error that the ELBO reached, on which two papers' targets rest."""

from training.reproduction.scales import scaled
from training.reproduction.target import Run

__all__ = ["run_to_the_same_error"]


def run_to_the_same_error(recipe_name, scale, elbo, name, measures=(), seed=0):
    """Makes the run whose tolerance is the rmse of a run under the ELBO on the test split.

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
