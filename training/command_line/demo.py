"""`vae-zoo demo`, which `make demo` runs: the whole idea in a few minutes on a CPU."""

import pathlib
import shutil

import zoo
from training.command_line.numbers import Integer
from training.command_line.outputs import add_folder_option
from training.command_line.text import columns, paragraph
from training.evaluation import feasibility
from training.recipes import find_recipe
from training.runs.run_directory import RunDirectory
from training.runs.stages import stage
from zoo.errors import UsageError

HELP = "train, export, load and sample a small model in a few minutes"
_RECIPE = "conv_draw_digits"


def add_options(parser):
    """Adds the place and the length."""
    add_folder_option(parser, "--directory", default="runs/demo", help="default: runs/demo")
    parser.add_argument("--steps", action=Integer, help="train for fewer steps, for a quick look")


def run(arguments):
    """Runs the demo."""
    demo(arguments.directory, arguments.steps)


def demo(directory, steps=None, recipe=None):
    """Trains a GECO ConvDRAW on digits, loads its SavedModel back and samples from it.

    Args:
        directory: The run directory; an earlier demo there is replaced once this one is done.
        steps: Steps to train, fewer than the recipe's for a quick look.
        recipe: Another `Recipe` for the same, under the same name.

    Raises:
        UsageError: There is something else than a demo's run at `directory`.
    """
    import numpy as np

    from training import figures
    from training.runs import run as runs

    directory = pathlib.Path(directory)
    _check_replaceable(directory)
    recipe = (recipe or find_recipe(_RECIPE)).override(steps=steps)
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    tolerance = recipe.tolerances["ReconstructionError"]
    text = (
        f"A ConvDRAW learns to reconstruct handwritten digits to within {tolerance:g} (root mean "
        "squared error, white = 1) with as few nats as it can. Watch rmse reach the tolerance, "
        "then rate fall."
    )
    print(f"{paragraph(text)}\n", flush=True)
    _, metrics = runs.train(recipe, unfinished)
    _check_replaceable(directory)
    shutil.rmtree(directory, ignore_errors=True)
    unfinished.rename(directory)

    with stage("Loading the SavedModel, and drawing from it"):
        model = zoo.load(directory / "savedmodel" / "1")
        path = directory / "figures" / "samples_of_saved_model.png"
        num = figures.NUM_COLUMNS * figures.NUM_SAMPLE_ROWS
        figures.save_grid(path, np.asarray(model.sample(num, seed=1)))
    print(_summary(metrics, tolerance, directory))


def _check_replaceable(directory):
    if not directory.exists():
        return
    run_directory = RunDirectory(directory)
    if not run_directory.recipe.exists() or run_directory.read_recipe().name != _RECIPE:
        raise UsageError(
            f"{directory} holds something else than an earlier demo, and was not touched. Move it "
            "away, or give another place with --directory."
        )


def _summary(metrics, tolerance, directory):
    test = metrics["test"]
    reached = [
        ("tolerance", f"{tolerance:.4f}", "asked for: root mean squared error, pixels in [0, 1]"),
        ("test rmse", f"{test['rmse']:.4f}", "reached on images that the model has not seen"),
        ("test rate", f"{test['rate']:.1f}", "nats an image: what the latents cost"),
    ]
    files = [
        ("figures/reconstructions.png", "test images, reconstructions below"),
        ("figures/samples.png", "samples"),
        ("figures/samples_of_saved_model.png", "samples of the SavedModel, loaded back"),
        ("figures/trajectory.png", "the run in the information plane"),
        ("card.md", "the model's card"),
        ("savedmodel/1", "for zoo.load and TensorFlow Serving"),
    ]
    lines = [
        f"\nDone: {metrics['steps']} steps in {metrics['training_seconds'] / 60:.1f} minutes.\n",
        *columns(reached, indent=2),
        f"\nIn {directory}:",
        *columns(files, indent=2),
        "",
        *map(paragraph, feasibility.verdicts(metrics)),
    ]
    return "\n".join(lines)
