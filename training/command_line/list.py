"""`vae-zoo list`: what there is, by name."""

import zoo
from training import reproduction
from training.recipes import find_recipe, recipe_names

HELP = "show the recipes and the pretrained models"
NEEDS_TENSORFLOW = False


def add_options(parser):
    """There are none."""


def run(arguments):
    """Prints the names of recipes, pretrained models and targets of `vae-zoo reproduce`."""
    print("Recipes, for `vae-zoo train`:")
    for name in recipe_names():
        print(f"  {name:20} {find_recipe(name).description}")
    print("Pretrained models, for `evaluate`, `sample`, `reconstruct`, `export` and zoo.load:")
    for name in zoo.list_models() or ["none in this version"]:
        print(f"  {name}")
    print("Figures and tables of the papers, for `vae-zoo reproduce`:")
    print(f"  {', '.join(reproduction.NAMES)}")
