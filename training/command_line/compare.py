"""`vae-zoo compare`: draws several models side by side."""

import json
import pathlib

import zoo
from training.command_line.options import (
    add_import_option,
    load_model,
)
from training.command_line.outputs import add_picture_option, save_picture
from training.runs.run_directory import RunDirectory
from training.runs.stages import stage
from zoo.errors import UsageError

HELP = "draw several models' reconstructions and samples side by side"
EXAMPLES = "example:\n  vae-zoo compare runs/geco runs/elbo --output comparison.png\n"
_NUM_IMAGES = 12
_TITLE_LENGTH = 34  # What fits beside a row.


def add_options(parser):
    """Adds the models and the picture."""
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="run directories or names of pretrained models"
    )
    add_import_option(parser)
    add_picture_option(parser, "comparison.png")


def run(arguments):
    """Saves reconstructions and samples of models, a row each."""
    import numpy as np

    from training import datasets, figures

    loaded = [load_model(name) for name in arguments.models]
    recipes = [recipe for _, recipe in loaded]
    _check(arguments.models, loaded)
    data = datasets.load_for(recipes[0])
    images = data.sample_images("test", min(_NUM_IMAGES, data.num_examples["test"]), seed=0)
    rows = []
    short = short_names(arguments.models)
    for name, title, (model, recipe) in zip(arguments.models, short, loaded, strict=True):
        label = f"{title}\n{describe_objective(recipe)}\n{_measures(name)}".rstrip()
        with stage(f"Drawing {name}"):
            samples = np.asarray(model.sample(len(images), seed=0))
            rows.append((label, np.asarray(model.reconstruct(images)), samples))
    save_picture(figures.save_comparison, arguments.output, images, rows)
    print(f"Wrote {len(rows)} models side by side to {arguments.output}.")


def _check(names, loaded):
    from training import kinds

    for name, (model, recipe) in zip(names, loaded, strict=True):
        if recipe is None or not kinds.of_model(model).draws_images:
            raise UsageError(
                f"{name} cannot be compared: it must be a model of images that was trained from a "
                "recipe. Name others; `vae-zoo list` shows them."
            )
        if model.context_shape is not None:
            raise UsageError(
                f"{name} is conditional, and compare draws without contexts. See "
                "figures/samples.png of its run."
            )
        if model.image_shape != loaded[0][0].image_shape:
            raise UsageError(
                f"{name} models images of shape {model.image_shape}, and {names[0]} of shape "
                f"{loaded[0][0].image_shape}. Compare models of one shape."
            )


def short_names(names):
    """Returns short names, no two alike: of paths as few of the last parts as tell them apart.

    The last parts of an exported model, savedmodel/1, say nothing without those before.
    """
    parts = [pathlib.PurePath(name).parts for name in names]
    titles = []
    for own in parts:
        others = [other for other in parts if other != own]
        lengths = range(_least_length(own), len(own) + 1)
        num = next((n for n in lengths if all(o[-n:] != own[-n:] for o in others)), len(own))
        title = str(pathlib.PurePath(*own[-num:]))
        titles.append(title if len(title) <= _TITLE_LENGTH else f"…{title[1 - _TITLE_LENGTH :]}")
    copies = [titles[: index + 1].count(title) for index, title in enumerate(titles)]
    return [f"{t} ({n})" if n > 1 else t for t, n in zip(titles, copies, strict=True)]


def _least_length(parts):
    """Returns up to which part from the end a path has a name of its own, at least 1."""
    ends = enumerate(reversed(parts), 1)
    return next((n for n, part in ends if part != "savedmodel" and not part.isdigit()), len(parts))


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
    from zoo import registry

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
