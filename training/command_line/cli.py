"""The command line `vae-zoo`, also `python -m training`."""

import argparse
import importlib
import os
import sys

from training import evaluation
from training.command_line.data_options import add_data_options, add_reading_options
from training.recipes import find_recipe, imports, recipe_names
from training.reproduction import names as target_names
from training.reproduction import options as reproduction_options
from training.serve import options as serve_options
from zoo.errors import SettingError, UserError

__all__ = ["main"]

_TRAIN_EXAMPLES = """examples:
  vae-zoo train conv_draw_digits
  vae-zoo train conv_draw_mnist --tolerance 0.06
  vae-zoo train conv_draw_mnist --objective elbo --directory runs/elbo
  vae-zoo train conv_draw_folder --dataset folder:PATH --image-size 32
  vae-zoo train conv_draw_mnist --resume        (after it was stopped, by anything)
  tensorboard --logdir runs                     (to watch)
"""


def main(arguments=None):
    """Runs a command; returns the exit code: 0, 1 for a failure, 2 for wrong usage."""
    arguments = _make_parser().parse_args(arguments)
    try:
        return arguments.run(arguments) or 0
    except SettingError as error:
        print(f"vae-zoo: {error.text(_as_flag)}", file=sys.stderr)
        return error.exit_code
    except UserError as error:
        print(f"vae-zoo: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nvae-zoo: stopped. A training run continues with --resume.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # The reader of our output has left, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


_QUOTES = "\"'"
_OTHER_NAMES = {"image_shape": "image_size"}  # Of settings, as options.


def _as_flag(name, value):
    """Writes a setting as an option: --image-size 64; --dequantize, which has no value."""
    flag = f"--{_OTHER_NAMES.get(name, name).replace('_', '-')}"
    return flag if value in (None, "True") else f"{flag} {value.strip(_QUOTES)}"


def _command(name, module="training.command_line.commands"):
    """Returns a function that imports TensorFlow, which takes seconds, and runs the command."""

    def run(arguments):
        from training.command_line import quiet

        quiet.start_tensorflow()
        imports.import_all(getattr(arguments, "imports", []))
        return getattr(importlib.import_module(module), name)(arguments)

    return run


def _train(arguments):
    find_recipe(arguments.recipe)  # A misspelt name is told at once.
    return _command("train")(arguments)


def _list(arguments):
    import zoo  # Without TensorFlow.

    print("Recipes, for `vae-zoo train`:")
    for name in recipe_names():
        print(f"  {name:20} {find_recipe(name).description}")
    print("Pretrained models, for `evaluate`, `sample`, `reconstruct`, `export` and zoo.load:")
    for name in zoo.list_models():
        print(f"  {name}")
    if not zoo.list_models():
        print("  none in this version")
    print("Figures and tables of the papers, for `vae-zoo reproduce`:")
    print(f"  {', '.join(target_names.NAMES)}")


def _demo(arguments):
    from training.command_line import quiet

    quiet.start_tensorflow()
    from training.command_line.demo import demo

    demo(arguments.directory, arguments.steps)


# === The parser ===


def _make_parser():
    parser = argparse.ArgumentParser(
        prog="vae-zoo",
        description="Train, measure and use latent-variable image models.",
        epilog="`vae-zoo COMMAND --help` explains a command, with examples.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "list", _list, "show the recipes and the pretrained models")
    _add_train(commands)
    _add_evaluate(commands)
    _add_sample(commands)
    _add_reconstruct(commands)
    _add_compare(commands)
    _add_export(commands)
    _add_serve(commands)
    _add_data(commands)
    _add_reproduce(commands)
    _add_report(commands)
    _add_demo(commands)
    return parser


def _add(commands, name, run, help_text, examples=None):
    parser = commands.add_parser(
        name,
        help=help_text,
        description=f"{help_text[0].upper()}{help_text[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_train(commands):
    parser = _add(commands, "train", _train, "train a recipe", _TRAIN_EXAMPLES)
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
    _add_import(parser)
    add_data_options(parser)


def _add_model(parser):
    parser.add_argument(
        "model", help="a pretrained model's name, a run directory, or an exported model's folder"
    )
    _add_import(parser)


def _add_import(parser):
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="import what others wrote: a module's name or a .py file with classes, data sets or a "
        "measure; may be given several times",
    )


def _add_evaluate(commands):
    examples = (
        "examples:\n  vae-zoo evaluate conv_draw_mnist\n"
        "  vae-zoo evaluate runs/demo --dataset tfds:fashion_mnist --image-size 16\n"
        "  vae-zoo evaluate runs/demo --measure aggregate_posterior --output measures.json\n\n"
        "measures:\n"
    )
    width = max(map(len, evaluation.DESCRIPTIONS))
    examples += "".join(
        f"  {name:{width}}  {text}\n" for name, text in evaluation.DESCRIPTIONS.items()
    )
    parser = _add(
        commands, "evaluate", _command("evaluate"), "measure a model on a test split", examples
    )
    _add_model(parser)
    parser.add_argument(
        "--measure",
        action="append",
        default=[],
        metavar="NAME",
        help="measure this, too, one of those below; may be given several times",
    )
    parser.add_argument("--output", help="a JSON file for all the numbers")
    add_data_options(parser)


def _add_sample(commands):
    examples = (
        "examples:\n  vae-zoo sample conv_draw_mnist\n"
        "  vae-zoo sample runs/demo -n 100 --temperature 0.8 --output samples.png\n"
    )
    parser = _add(commands, "sample", _command("sample"), "draw samples into a picture", examples)
    _add_model(parser)
    parser.add_argument("-n", "--num", type=int, default=72, help="number of samples; default: 72")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="scales the prior's standard deviations; default: 1",
    )
    parser.add_argument("--output", default="samples.png", help="a PNG file; default: samples.png")
    contexts = "a conditional model's contexts, which come from a test split"
    add_data_options(parser.add_argument_group(contexts))


def _add_reconstruct(commands):
    examples = "example:\n  vae-zoo reconstruct conv_draw_cifar10 *.jpg --output pairs.png\n"
    parser = _add(
        commands,
        "reconstruct",
        _command("reconstruct"),
        "reconstruct image files, cut and resized to the model's size",
        examples,
    )
    _add_model(parser)
    parser.add_argument("files", nargs="+", metavar="FILE", help="image files")
    parser.add_argument(
        "--output", default="reconstructions.png", help="a PNG file; default: reconstructions.png"
    )


def _add_compare(commands):
    examples = "example:\n  vae-zoo compare runs/geco runs/elbo --output comparison.png\n"
    parser = _add(
        commands,
        "compare",
        _command("compare", "training.command_line.compare"),
        "draw several models' reconstructions and samples side by side",
        examples,
    )
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="run directories or names of pretrained models"
    )
    _add_import(parser)
    parser.add_argument(
        "--output", default="comparison.png", help="a PNG file; default: comparison.png"
    )


def _add_export(commands):
    examples = "example:\n  vae-zoo export runs/conv_draw_mnist serving/conv_draw/1\n"
    parser = _add(commands, "export", _command("export"), "write a model as a SavedModel", examples)
    _add_model(parser)
    parser.add_argument("path", help="the folder to write, new; a server wants a number: model/1")


def _add_serve(commands):
    run = _command("serve", "training.serve.serve_command")
    help_text = "put models behind TensorFlow Serving: write its configuration, start it"
    serve_options.add_options(_add(commands, "serve", run, help_text, serve_options.EXAMPLES))


def _add_reproduce(commands):
    run = _command("reproduce", "training.reproduction.reproduce")
    help_text = "repeat a figure or table of the papers: its training runs and its drawing"
    examples = reproduction_options.REPRODUCE_EXAMPLES
    parser = _add(commands, "reproduce", run, help_text, examples)
    reproduction_options.add_reproduce_options(parser)


def _add_report(commands):
    run = _command("report", "training.reproduction.report")
    help_text = "write a page of everything that was reproduced, as HTML and Markdown"
    parser = _add(commands, "report", run, help_text, reproduction_options.REPORT_EXAMPLES)
    reproduction_options.add_report_options(parser)


def _add_data(commands):
    examples = (
        "examples:\n  vae-zoo data mnist\n  vae-zoo data mnist_sum --show\n"
        "  vae-zoo data folder:PATH --image-size 32 --show --output examples.png\n"
        "  vae-zoo data color_mnist:digits   (composed of other digits than MNIST's)\n"
        "docs/DATASETS.md has all names.\n"
    )
    parser = _add(
        commands,
        "data",
        _command("data", "training.command_line.data_command"),
        "say what a data set holds: shapes, splits, values, balance of classes",
        examples,
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        help="digits, mnist, mnist_sum, cifar10, folder:PATH, tfds:NAME, ...",
    )
    parser.add_argument(
        "--show", action="store_true", help="save a picture of labelled examples of each split"
    )
    parser.add_argument(
        "--output", metavar="FILE", help="the picture, a PNG file; default: NAME.png, with --show"
    )
    _add_import(parser)
    add_reading_options(parser)


def _add_demo(commands):
    parser = _add(
        commands, "demo", _demo, "train, export, load and sample a small model in a few minutes"
    )
    parser.add_argument("--directory", default="runs/demo", help="default: runs/demo")
    parser.add_argument("--steps", type=int, help="train for fewer steps, for a quick look")
