"""A recipe that trains in a moment, and what tests of runs share."""

import csv
import os
import pathlib
import subprocess
import sys

import keras

from training import kinds
from training.recipes import Recipe, find_recipe, recipe_names

REPOSITORY = pathlib.Path(__file__).parents[2]


def tiny_recipe(**changes):
    """A ConvVAE of a few weights on 8x8 digits: 7 steps, of which the last epoch has one."""
    constraint = {"class_name": "ReconstructionError", "arguments": {"tolerance": 0.2}}
    values = {
        "name": "tiny",
        "description": "A tiny model for tests.",
        "architecture": {
            "class_name": "ConvVAE",
            "arguments": {"latent_dim": 3, "filters": [4], "hidden_units": 8},
        },
        "objective": {"class_name": "GECO", "arguments": {"constraints": [constraint]}},
        "data": {"name": "digits", "options": {"image_size": 8}},
        "optimizer": {"class_name": "Adam", "learning_rate": 0.01, "final_fraction": 0.1},
        "batch_size": 16,
        "steps": 7,
        "steps_per_epoch": 3,
        "validation_images": 32,
        "seed": 3,
        "fidelity": [{"setting": "size", "paper": "large", "ours": "tiny", "why": "a | test"}],
    }
    return Recipe.from_dict(values | changes, "tiny")


def make_model(recipe, image_shape, context_shape=None):
    """Makes a recipe's model for images of a shape."""
    return kinds.of_recipe(recipe).make(recipe, image_shape, context_shape)


class Killed(BaseException):
    """Stands in for a kill: nothing handles it."""


def die(model):
    """Raises `Killed`."""
    raise Killed


class AtStep(keras.callbacks.Callback):
    """Counts the steps that are trained, and after one of them calls a function of the model."""

    def __init__(self, step=None, function=None):
        super().__init__()
        self.num_steps, self._step, self._function = 0, step, function

    def on_train_batch_end(self, batch, logs=None):
        self.num_steps += 1
        if self.num_steps == self._step:
            self._function(self.model)


def history(directory):
    """The rows of a run's history, without their timings."""
    with open(directory / "history.csv", encoding="utf-8") as file:
        return [
            {k: float(v) for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)
        ]


def recipes_of(kind_name):
    """Names of the recipes of a kind."""
    recipes = {name: find_recipe(name) for name in recipe_names()}
    return [name for name, recipe in recipes.items() if kinds.of_recipe(recipe).name == kind_name]


def conditional_recipe(**changes):
    """A ConvDRAW of a few weights on 8x8 sums of digits, given the two summands."""
    architecture = {
        "class_name": "ConvDRAW",
        "arguments": {"num_steps": 1, "filters": 4, "latent_filters": 2, "kernel_size": 3},
    }
    data = {"name": "mnist_sum:digits", "options": {"image_size": 8}}
    values = {"name": "conditional", "architecture": architecture, "data": data, "steps": 3}
    return tiny_recipe(**(values | changes))


def start_python(code, **environment):
    """Starts Python on the code, which can import the repository; its output is captured."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "CUDA_VISIBLE_DEVICES": "-1",
    } | environment
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
