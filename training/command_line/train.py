"""`vae-zoo train`: trains a recipe, from its start to the exported model and its card."""

import argparse
import pathlib

from training.command_line.numbers import SEED, Integer, Number
from training.command_line.options import DATA_SETTINGS, add_data_options, add_import_option
from training.command_line.outputs import add_folder_option, check_folder
from training.command_line.text import paragraph
from training.recipes import find_recipe, imports
from training.runs.run_directory import RunDirectory
from zoo.errors import UsageError

HELP = "train a recipe"
EXAMPLES = """examples:
  vae-zoo train conv_draw_digits
  vae-zoo train conv_draw_mnist --tolerance 0.06
  vae-zoo train conv_draw_mnist --objective elbo --directory runs/elbo
  vae-zoo train conv_draw_folder --dataset folder:PATH --image-size 32
  vae-zoo train conv_draw_mnist --resume   (after it was stopped, by anything)
  tensorboard --logdir runs                (to watch)
"""
_SETTINGS = (
    *DATA_SETTINGS,
    *("tolerance", "objective", "steps", "flip", "shift", "batch_size", "learning_rate", "seed"),
)


def add_options(parser):
    """Adds the recipe, where it is run, and the settings that replace the recipe's own."""
    parser.add_argument("recipe", help="a recipe's name (`vae-zoo list`), or a recipe.json")
    add_folder_option(parser, "--directory", help="the run directory, new; default: runs/RECIPE")
    parser.add_argument(
        "--resume", action="store_true", help="continue the run in the directory where it stopped"
    )
    parser.add_argument(
        "--changed-data",
        action="store_true",
        help="with --resume: go on although the images are not those that the run began with",
    )
    parser.add_argument(
        "--strategy",
        metavar="NAME",
        help="mirrored (all devices of this machine) or multi_worker (the machines in TF_CONFIG)",
    )
    parser.add_argument(
        "--no-results",
        action="store_true",
        help="only train: the same command with --resume in its place measures, draws and exports",
    )
    _add_settings(parser)
    add_import_option(parser)
    add_data_options(parser)


def _add_settings(parser):
    """Adds what replaces a setting of the recipe; `_SETTINGS` names them."""
    parser.add_argument("--steps", action=Integer, help="optimiser steps of the whole run")
    parser.add_argument(
        "--tolerance",
        action=Number,
        metavar="T",
        help="of the recipe's constraint: a root mean squared error, pixels in [0, 1], or the "
        "accuracy or correlation to reach",
    )
    parser.add_argument(
        "--objective",
        metavar="NAME",
        help="what to minimise, such as geco or elbo; an unknown name is answered by all of them",
    )
    parser.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        help="mirror half of the training images, at random in each step",
    )
    parser.add_argument(
        "--shift",
        action=Integer,
        least=0,
        metavar="PIXELS",
        help="move training images by up to so many pixels, at random in each step; 0: not at all",
    )
    parser.add_argument(
        "--batch-size", action=Integer, help="images a step, over all devices together"
    )
    parser.add_argument(
        "--learning-rate", action=Number, above=0, metavar="RATE", help="Adam's, at the start"
    )
    parser.add_argument(
        "--seed", action=Integer, **SEED, help="fixes initial weights, batches and noise"
    )


def check(arguments):
    """Tells a misspelt recipe, a number that it cannot take and a wrong place at once."""
    settings = _settings(arguments)
    if settings.pop("objective") is not None:  # The classes of objectives need TensorFlow.
        del settings["tolerance"]
    recipe, directory = _find(arguments)
    recipe.override(**settings)
    if not arguments.resume and arguments.strategy is None:  # Of several processes one makes it.
        RunDirectory(directory).check_free()
        check_folder("directory", directory)  # Also where the recipe's name is the default.


def run(arguments):
    """Trains a recipe, or continues its run, and says what was reached."""
    from training import kinds
    from training.runs import run as runs

    recipe, directory = _find(arguments)
    imports.import_all(recipe.imports)
    named = [*recipe.imports, *map(imports.resolve, arguments.imports)]
    recipe = recipe.override(**_settings(arguments), imports=list(dict.fromkeys(named)))
    _, metrics = runs.train(
        recipe,
        directory,
        arguments.resume,
        arguments.strategy,
        changed_data=arguments.changed_data,
        results=not arguments.no_results,
    )
    if arguments.no_results:
        print(f"Trained; the checkpoints are in {directory}.")
    elif metrics is not None:
        text = kinds.of_recipe(recipe).summary(metrics)
        text = "\n".join(filter(None, [text, metrics.get("caveat")]))
        print(paragraph(f"\n{text}\nEverything is in {directory}; begin with card.md."))


def _settings(arguments):
    return {name: getattr(arguments, name) for name in _SETTINGS}


def _find(arguments):
    """Returns the recipe, of a run that is resumed as it was begun, and the run's directory."""
    recipe = find_recipe(arguments.recipe)
    directory = arguments.directory or str(pathlib.Path("runs") / recipe.name)
    if arguments.resume:
        # The run goes on as it was begun, even if the recipe of that name has changed since.
        begun = RunDirectory(directory).read_recipe()
        if begun.name != recipe.name:
            raise UsageError(f"{directory} is a run of {begun.name}, not of {recipe.name}.")
        recipe = begun
    return recipe, directory
