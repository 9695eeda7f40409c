"""`Recipe`: everything that decides what a training run does."""

import copy
import dataclasses
import json
import math
import pathlib

from zoo import checks
from zoo.errors import MismatchError, UsageError
from zoo.names import did_you_mean

__all__ = ["Recipe", "find_recipe", "recipe_names"]

_FOLDER = pathlib.Path(__file__).parent
_OPTIONAL = {"imports": list, "augmentation": dict}  # Fields that a recipe may lack.
_COUNTS = ("batch_size", "steps", "steps_per_epoch", "validation_images")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run does; two runs of one recipe are equal.

    Attributes:
        name: Name of the recipe.
        description: One or two sentences for people.
        architecture: `{"class_name", "arguments"}` of a class of `zoo`; the image shape is the
            data's, and a likelihood among the arguments is a name or has the same form.
        objective: `{"class_name", "arguments"}` of an objective; a constraint among its arguments
            has the same form.
        data: `{"name", "options"}` for `training.datasets.load`.
        optimizer: `{"class_name", "learning_rate", "final_fraction"}`: the learning rate falls to
            that fraction of itself along a cosine over the run.
        batch_size: Images a step, over all devices and machines together.
        steps: Optimiser steps of the whole run.
        steps_per_epoch: Steps between two evaluations and checkpoints: an epoch, as Keras counts.
        validation_images: Images of the validation split in each of those evaluations.
        seed: Fixes initial weights, batches and noise.
        fidelity: How this departs from the paper, a list of
            `{"setting", "paper", "ours", "why"}`.
        imports: Modules of other authors that it needs: names, or paths of .py files.
        augmentation: `{"flip", "shift"}`, how training images are varied; see
            `training.datasets.augmentation.augment_batches`.
    """

    name: str
    description: str
    architecture: dict
    objective: dict
    data: dict
    optimizer: dict
    batch_size: int
    steps: int
    steps_per_epoch: int
    validation_images: int
    seed: int
    fidelity: list
    imports: list = dataclasses.field(default_factory=list)
    augmentation: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name in _COUNTS:
            checks.integer(name, getattr(self, name))
        checks.number("learning_rate", self.optimizer["learning_rate"], above=0)
        checks.integer("seed", self.seed, least=0, most=2**31 - 1)

    @classmethod
    def from_dict(cls, values, source):
        """Makes a recipe from parsed JSON; `source` names it in errors.

        Raises:
            UsageError: A field is missing or unknown, or has a value that cannot be.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        values = {n: value for n, value in values.items() if n != "made_with"}
        values = {name: kind() for name, kind in _OPTIONAL.items()} | values
        if set(values) != known:
            fields = {"lacks": known - set(values), "has the unknown fields": set(values) - known}
            faults = [f"it {verb} {', '.join(sorted(f))}" for verb, f in fields.items() if f]
            raise UsageError(
                f"{source} is not a recipe: {', and '.join(faults)}. `vae-zoo list` shows recipes "
                "to start from."
            )
        return cls(**copy.deepcopy(values))

    def to_dict(self):
        """Returns the recipe as JSON-ready values; of `_OPTIONAL` only what there is."""
        values = dataclasses.asdict(self)
        return {n: value for n, value in values.items() if value or n not in _OPTIONAL}

    @property
    def tolerances(self):
        """Tolerance of each constraint of the objective, by the constraint's class name.

        Of a range it is the geometric middle.
        """
        constraints = self.objective["arguments"].get("constraints", [])
        tolerances = {c["class_name"]: c["arguments"].get("tolerance") for c in constraints}
        for name, value in tolerances.items():
            if isinstance(value, list):
                tolerances[name] = math.sqrt(math.prod(value))
        return {name: value for name, value in tolerances.items() if value is not None}

    @property
    def augmentation_text(self):
        """How training images are varied, in words; "" if they are not."""
        texts = ["half of them mirrored"] * bool(self.augmentation.get("flip"))
        if shift := self.augmentation.get("shift"):
            texts.append(f"moved by up to {shift} pixels")
        return ", ".join(texts)

    def changed_fields(self):
        """Returns the fields that differ from those of the recipe that comes by this name.

        Of what no recipe is named after, none.
        """
        if self.name not in recipe_names():
            return []
        before = dataclasses.asdict(find_recipe(self.name))
        told = ("description", "fidelity", "imports")
        return [n for n, v in dataclasses.asdict(self).items() if v != before[n] and n not in told]

    def override(
        self,
        *,
        dataset=None,
        image_size=None,
        fit=None,
        channels=None,
        corrupt=None,
        binarize=None,
        dequantize=None,
        data_seed=None,
        tolerance=None,
        objective=None,
        learning_rate=None,
        flip=None,
        shift=None,
        **fields,
    ):
        """Returns this recipe with settings of the command line; None leaves one as it is.

        Args:
            dataset: Name of a data set.
            image_size: Side of its square images, in pixels.
            fit: How images are brought to that size; see `training.datasets.load`.
            channels: 1 or 3.
            corrupt: What to do about unreadable files; see `training.datasets.load`.
            binarize: "static" or "threshold"; see `training.datasets.load`.
            dequantize: True for dequantised pixels; see `training.datasets.load`.
            data_seed: The `seed` of `training.datasets.load`.
            tolerance: Of the recipe's constraint, in the constraint's unit.
            objective: Name or short name of an objective, such as "geco".
            learning_rate: At the start of the run.
            flip: Whether half of the training images are mirrored.
            shift: Pixels by which training images move at most.
            **fields: `steps`, `batch_size`, `seed`, `imports`.

        Raises:
            UsageError: The settings contradict each other or the recipe.
        """
        recipe = dataclasses.replace(self, **_given(**fields))
        recipe = Recipe.from_dict(recipe.to_dict(), self.name)  # A copy: the parts are changed.
        if dataset is not None and dataset != recipe.data["name"]:
            recipe.data.update(name=dataset, options={})
        options = {
            "image_size": image_size,
            "fit": fit,
            "channels": channels,
            "corrupt": corrupt,
            "binarize": binarize,
            "dequantize": dequantize,
            "seed": data_seed,
        }
        recipe.data["options"].update(_given(**options))
        recipe.augmentation.update(_given(flip=flip, shift=shift))
        if learning_rate is not None:
            recipe.optimizer["learning_rate"] = learning_rate
        if objective is not None:
            recipe._set_objective(objective)
        if tolerance is not None:
            recipe._set_tolerance(tolerance)
        recipe.__post_init__()
        return recipe

    def _set_objective(self, name):
        # Imported here: names of recipes are listed without TensorFlow.
        from zoo import registry

        objective = registry.find("objective", name)
        if objective.__name__ != self.objective["class_name"]:
            arguments = copy.deepcopy(objective.starting_arguments)
            self.objective.update(class_name=objective.__name__, arguments=arguments)

    def _set_tolerance(self, tolerance):
        constraints = self.objective["arguments"].get("constraints", [])
        if len(constraints) != 1:
            raise MismatchError(
                "tolerance",
                "an objective with one constraint, of which $tolerance is",
                f"{self.objective['class_name']} of {self.name}, which has {len(constraints)}",
                "add $objective=geco, or leave $tolerance out",
            )
        constraint = constraints[0]
        if isinstance(constraint["arguments"].get("tolerance"), list):
            least, most = constraint["arguments"]["tolerance"]
            raise MismatchError(
                "tolerance",
                "a recipe of one tolerance, of which $tolerance is",
                f"{self.name}, which trains for every one from {least:g} to {most:g}",
                "leave $tolerance out: it is given where the model is used",
            )
        if constraint["class_name"] == "ReconstructionError":
            checks.number("tolerance", tolerance, **checks.PIXEL_ERROR)
        constraint["arguments"]["tolerance"] = tolerance


def _given(**settings):
    return {name: value for name, value in settings.items() if value is not None}


def recipe_names():
    """Names of the recipes, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def find_recipe(name):
    """Returns the recipe of that name, or the one in a JSON file of that path.

    Raises:
        UsageError: There is none; the message has the names near to it.
    """
    is_path = name.endswith(".json")
    path = pathlib.Path(name) if is_path else _FOLDER / f"{name}.json"
    if not is_path and name not in recipe_names():
        raise UsageError(
            f"There is no recipe {name!r}.{did_you_mean(name, recipe_names())} The recipes are "
            f"{', '.join(recipe_names())}; a path to a recipe.json works too."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no recipe file {name}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The recipe file {name} is not JSON: {error}.") from None
    return Recipe.from_dict(values, name)
