"""Presets as data: one JSON file a recipe, in the format of a run directory's `recipe.json`."""

from training.recipes import imports
from training.recipes.recipe import Recipe, find_recipe, recipe_names

__all__ = ["Recipe", "find_recipe", "imports", "recipe_names"]
