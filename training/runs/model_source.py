"""Finds the model that a name or a path on the command line means."""

import json
import pathlib

import zoo
from training import datasets, kinds
from training.recipes import Recipe, imports
from training.runs.checkpoints import CheckpointStore
from training.runs.model_names import check_model
from training.runs.run_directory import RunDirectory
from zoo.errors import UsageError
from zoo.serving import keras_config
from zoo.serving.versions import versions_in

__all__ = ["load_model", "pretrained_path"]


def load_model(name_or_path):
    """Loads a model.

    Args:
        name_or_path: A pretrained model's name, a run directory (its SavedModel, or where the run
            is not finished its newest checkpoint), a folder that `model.export` wrote, or one of
            such folders by version, of which the newest is meant.

    Returns:
        The Keras model and the `Recipe` that made it, or None if it is not known.

    Raises:
        UsageError: There is no such model; the message has the names near to it.
    """
    path = pathlib.Path(name_or_path)
    run = RunDirectory(path)
    versions = versions_in(path)
    if run.recipe.exists() and not versions:
        # A run is the user's own, an exported model may be anyone's: its imports are not believed.
        imports.import_all(run.read_recipe().imports)
        if not run.saved_model.exists():
            return _load_checkpoint(run)
    if versions:
        path = versions[-1]
    elif run.saved_model.exists():
        path = run.saved_model
    elif not path.exists():
        path = pretrained_path(name_or_path)
    try:
        recipe = keras_config.read(path)["metadata"].get("recipe")
        return zoo.load(path), recipe and Recipe.from_dict(recipe, str(path))
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error


def pretrained_path(name):
    """Returns the folder of a pretrained model's SavedModel.

    Raises:
        UsageError: There is no such model, or it cannot be fetched.
    """
    check_model(name)
    try:
        return zoo.saved_model_path(name)
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error


def _load_checkpoint(run):
    recipe = run.read_recipe()
    model = kinds.make_model(recipe, datasets.load_for(recipe))
    progress = CheckpointStore(run.checkpoints, read_only=True).restore(model)
    if not progress.step:
        raise UsageError(f"The run in {run.path} has no checkpoint yet. Try again later.")
    if run.metrics.exists():
        metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
        kinds.of_recipe(recipe).finish_again(model, metrics)
    return model, recipe
