"""What `vae-zoo compare` does: draws several models side by side."""

import json
import pathlib

import numpy as np

import zoo
from training import datasets, figures, kinds
from training.runs import model_source
from training.runs.run_directory import RunDirectory
from zoo import registry
from zoo.errors import UsageError, UserError

__all__ = ["compare", "describe_objective"]

_NUM_IMAGES = 12


def compare(arguments):
    """Saves reconstructions and samples of models, a row each: `vae-zoo compare`."""
    loaded = [model_source.load_model(name) for name in arguments.models]
    recipes = [recipe for _, recipe in loaded]
    _check(arguments.models, loaded)
    data = datasets.load_for(recipes[0])
    images = data.sample_images("test", min(_NUM_IMAGES, data.num_examples["test"]), seed=0)
    rows = []
    for name, (model, recipe) in zip(arguments.models, loaded, strict=True):
        label = f"{describe_objective(recipe)}\n{_measures(name)}".rstrip()
        samples = np.asarray(model.sample(len(images), seed=0))
        rows.append((label, np.asarray(model.reconstruct(images)), samples))
    try:
        figures.save_comparison(arguments.output, images, rows)
    except (OSError, ValueError) as error:  # Pillow: ValueError for an unknown suffix.
        raise UserError(f"Could not write {arguments.output}: {error}.") from error
    print(f"Wrote {len(rows)} models side by side to {arguments.output}.")


def _check(names, loaded):
    for name, (model, recipe) in zip(names, loaded, strict=True):
        if recipe is None or not kinds.of_model(model).draws_images:
            raise UsageError(f"{name} is no model of images with a recipe, so it has no row.")
        if model.context_shape is not None:
            raise UsageError(f"{name} is conditional; see figures/samples.png of its run.")
        if model.image_shape != loaded[0][0].image_shape:
            raise UsageError(
                f"{name} models images of shape {model.image_shape}, and {names[0]} of shape "
                f"{loaded[0][0].image_shape}. Compare models of one shape."
            )


def describe_objective(recipe):
    """Names a recipe's model and objective in a few words: "ConvDRAW, GECO RE 0.1"."""
    arguments = recipe.objective["arguments"]
    parts = [
        f"{_short_name(part)} {part['arguments'].get('tolerance', '')}".rstrip()
        for part in arguments.get("constraints", [])
    ]
    if "divergence" in arguments:
        parts.append(arguments["divergence"]["class_name"])
    objective = " ".join([recipe.objective["class_name"], " + ".join(parts)]).rstrip()
    return f"{recipe.architecture['class_name']}, {objective}"


def _short_name(constraint):
    return registry.find("constraint", constraint["class_name"]).short_name


def _measures(name):
    """Rate and rmse, if any, on the test split, of a run or one of the zoo's own models."""
    path = RunDirectory(pathlib.Path(name)).metrics
    if not path.parent.exists() and name in zoo.list_models():
        path = pathlib.Path(zoo.saved_model_path(name)).parent / path.name
    if not path.exists():
        return ""
    test = json.loads(path.read_text(encoding="utf-8"))["test"]
    error = f"rmse {test['rmse']:.3f}" if "rmse" in test else ""
    rate = f"{test['rate']:.1f} nats" if "rate" in test else ""
    return ", ".join(text for text in (rate, error) if text)
