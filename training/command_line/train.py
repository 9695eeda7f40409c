"""`vae-zoo train`: trains a recipe, from its start to the exported model and its card."""

import pathlib

from training.command_line.options import DATA_SETTINGS, add_data_options, add_import_option
from training.recipes import find_recipe, imports
from zoo.errors import UsageError

HELP = "train a recipe"
EXAMPLES = """examples:
  vae-zoo train conv_draw_digits
  vae-zoo train conv_draw_mnist --tolerance 0.06
  vae-zoo train conv_draw_mnist --objective elbo --directory runs/elbo
  vae-zoo train conv_draw_folder --dataset folder:PATH --image-size 32
  vae-zoo train conv_draw_mnist --resume        (after it was stopped, by anything)
  tensorboard --logdir runs                     (to watch)
"""
_SETTINGS = (
    *DATA_SETTINGS,
    *("tolerance", "objective", "steps", "batch_size", "learning_rate", "seed"),
)


def add_options(parser):
    """Adds the recipe, where it is run, and the settings that replace the recipe's own."""
    parser.add_argument("recipe", help="a recipe's name (`vae-zoo list`), or a recipe.json")
    parser.add_argument("--directory", help="the run directory, new; default: runs/RECIPE")
    parser.add_argument(
        "--resume", action="store_true", help="continue the run in the directory where it stopped"
    )
    parser.add_argument("--steps", type=int, help="optimiser steps of the whole run")
    parser.add_argument(
        "--tolerance",
        type=float,
        help="of the recipe's constraint: a root mean squared error, pixels in [0, 1], or the "
        "accuracy or correlation to reach",
    )
    parser.add_argument(
        "--objective",
        metavar="NAME",
        help="what to minimise, such as geco or elbo; of a name that there is not, all are told",
    )
    parser.add_argument("--batch-size", type=int, help="images a step, over all devices together")
    parser.add_argument("--learning-rate", type=float, help="Adam's, at the start")
    parser.add_argument("--seed", type=int, help="fixes initial weights, batches and noise")
    parser.add_argument(
        "--strategy",
        metavar="NAME",
        help="mirrored (all devices of this machine) or multi_worker (the machines in TF_CONFIG)",
    )
    add_import_option(parser)
    add_data_options(parser)


def check(arguments):
    """Tells a misspelt recipe at once."""
    find_recipe(arguments.recipe)


def run(arguments):
    """Trains a recipe, or continues its run, and says what was reached."""
    from training import kinds
    from training.runs import run as runs
    from training.runs.run_directory import RunDirectory

    recipe = find_recipe(arguments.recipe)
    directory = arguments.directory or str(pathlib.Path("runs") / recipe.name)
    if arguments.resume:
        # The run goes on as it was begun, even if the recipe of that name has changed since.
        begun = RunDirectory(directory).read_recipe()
        if begun.name != recipe.name:
            raise UsageError(f"{directory} is a run of {begun.name}, not of {recipe.name}.")
        recipe = begun
    imports.import_all(recipe.imports)
    settings = {name: getattr(arguments, name) for name in _SETTINGS}
    named = [*recipe.imports, *map(imports.resolve, arguments.imports)]
    recipe = recipe.override(**settings, imports=list(dict.fromkeys(named)))
    _, metrics = runs.train(recipe, directory, arguments.resume, arguments.strategy)
    if metrics is not None:
        text = kinds.of_recipe(recipe).summary(metrics)
        print(f"\n{text}\nEverything is in {directory}; begin with card.md.")
