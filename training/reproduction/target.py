"""What a reproduction target is: independent training runs, and a drawing of their results."""

import dataclasses
from collections.abc import Callable

from training.recipes import Recipe

__all__ = ["Finished", "Result", "Run", "Target"]


@dataclasses.dataclass(frozen=True)
class Result:
    """What a finished run left.

    Attributes:
        metrics: `metrics.json`: measures on the test split, multipliers, parameters.
        measures: By name, what `training.evaluation` measured.
        history: The run's history, a dict an epoch.
        recipe: The `Recipe`.
        made_with: Versions of packages and the commit, a dict.
        load: A function that loads its model.
    """

    metrics: dict
    measures: dict
    history: list
    recipe: Recipe
    made_with: dict
    load: Callable


@dataclasses.dataclass(frozen=True)
class Run:
    """A training run of a target. Targets share runs: one name is one run.

    Attributes:
        name: Name of the run.
        recipe: Its `Recipe`, or a function that makes it of the results of the runs in `after`, a
            dict by name.
        measures: Names of `training.evaluation` to be measured on the test split when it is done.
        after: Names of runs of the same target that must be finished before.
    """

    name: str
    recipe: Recipe | Callable[[dict], Recipe]
    measures: tuple = ()
    after: tuple = ()

    def make_recipe(self, before):
        """Returns its `Recipe`, of the results of the runs it comes after, by name."""
        return self.recipe if isinstance(self.recipe, Recipe) else self.recipe(before)


@dataclasses.dataclass(frozen=True)
class Finished:
    """What a target has to work with.

    Attributes:
        results: `Result` of each finished run, by name.
        missing: Names of the runs that are not finished.
        scale: "smoke", "small" or "paper".
    """

    results: dict
    missing: tuple
    scale: str


@dataclasses.dataclass(frozen=True)
class Target:
    """A figure or table of a paper.

    Attributes:
        name: Its name on the command line, such as "figure-5".
        source: Paper and number.
        claim: What the paper claims there, in our words.
        measure: A function of `Finished`: JSON-ready numbers, a dict, and arrays by name that its
            pictures show beside them, or None if too little is there.
        draw: A function of these two and the path of the picture. So a picture can be drawn again
            without the models.
        verdict: A function of these numbers to a sentence: whether they agree with the claim.
        runs: A function of the scale to a list of `Run`; without one there are none.
        paper_numbers: Numbers that the paper gives, by what they are, if it gives any.
        remark: What explains the verdict at the small scale, or limits it.
    """

    name: str
    source: str
    claim: str
    measure: Callable
    draw: Callable
    verdict: Callable
    runs: Callable = lambda scale: []
    paper_numbers: dict = dataclasses.field(default_factory=dict)
    remark: str = ""
