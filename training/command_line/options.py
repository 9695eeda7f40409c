"""Options that several commands have, and the model or data set that they name."""

import argparse
import os
import pathlib

from training.command_line.numbers import SEED, Integer, Number
from training.recipes import find_recipe
from training.runs.stages import stage
from zoo.checks import PIXEL_ERROR
from zoo.errors import MismatchError, SettingError, UsageError, UserError

DATA_SETTINGS = (
    *("dataset", "image_size", "fit", "channels", "corrupt", "binarize", "dequantize"),
    "data_seed",
)


# === A model ===


def add_model_options(parser):
    """Adds the model, and the modules that it takes."""
    parser.add_argument(
        "model", help="a pretrained model's name, a run directory, or an exported model's folder"
    )
    add_import_option(parser)


def add_import_option(parser):
    """Adds what `training.recipes.imports` imports."""
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="import what others wrote: a module's name or a .py file with classes, data sets or a "
        "measure; may be given several times",
    )


def load_model(name):
    """Loads a model and its recipe, and says so, for that takes seconds."""
    from training.runs import model_source

    with stage(f"Loading {name}"):
        return model_source.load_model(name)


def load_image_model(name):
    """Loads what can draw and reconstruct images, which a classifier cannot, and its recipe."""
    from training import kinds

    model, recipe = load_model(name)
    kind = kinds.of_model(model)
    if not kind.draws_images:
        raise UsageError(
            f"{name} is a {kind.name}: it neither samples nor reconstructs images. Measure it with "
            f"`vae-zoo evaluate {name}`, or name another model; `vae-zoo list` shows them."
        )
    return model, recipe


def add_tolerance_option(parser):
    """Adds the tolerance that a model with a range of them is asked for."""
    parser.add_argument(
        "--tolerance",
        action=Number,
        **PIXEL_ERROR,
        metavar="KAPPA",
        help="of a model for a range of tolerances (conv_draw_mnist_any): the root mean squared "
        "error that is asked for, for pixels in [0, 1]; default: the range's middle",
    )


def given_tolerance(arguments, model):
    """Returns what the model's methods are to be given: {} where no tolerance was.

    Raises:
        MismatchError: The model has no range, or the tolerance is not within.
    """
    tolerance = arguments.tolerance
    if tolerance is None:
        return {}
    tolerances = getattr(model, "tolerances", None)
    if tolerances is None:
        raise MismatchError(
            "tolerance",
            f"a model for a range of tolerances with $tolerance={tolerance:g}",
            f"{arguments.model}, whose tolerance is that of its training",
            "leave $tolerance out",
        )
    if not tolerances.least <= tolerance <= tolerances.most:
        raise MismatchError(
            "tolerance",
            f"$tolerance within the range of {arguments.model}, {tolerances}",
            f"{tolerance:g}",
            "give one within",
        )
    return {"tolerance": tolerance}


# === A data set ===


def add_data_options(parser):
    """Adds the options that choose a data set and say how it is read."""
    parser.add_argument(
        "--dataset",
        help="mnist, color_mnist, mnist_sum:digits, folder:PATH, tfds:NAME and more, which "
        "docs/DATASETS.md shows; default: the recipe's",
    )
    add_reading_options(parser)


def add_reading_options(parser):
    """Adds the options that say how a data set is read."""
    parser.add_argument("--image-size", action=Integer, help="side of the square images, in pixels")
    parser.add_argument(
        "--fit",
        choices=("crop", "resize", "exact", "patches"),
        help="how an image is brought to the size: cut (default), stretched, refused, or, for "
        "large photographs, cut into many patches",
    )
    parser.add_argument("--channels", type=int, choices=(1, 3), help="1: grey, 3: colour")
    parser.add_argument(
        "--corrupt",
        choices=("refuse", "skip"),
        help="what to do about files of a folder that cannot be read; default: refuse",
    )
    parser.add_argument(
        "--binarize",
        choices=("static", "threshold"),
        help="make pixels 0 or 255: drawn once with the value as probability, or from 128 on",
    )
    parser.add_argument(
        "--dequantize",
        action="store_true",
        default=None,
        help="spread each pixel's level over its cell, with new noise in each training batch",
    )
    parser.add_argument(
        "--data-seed",
        action=Integer,
        **SEED,
        help="of composed sets, --binarize and --dequantize; default: 0",
    )


def load_data(arguments, recipe, model):
    """Loads the data set that the options name, else the recipe's, for a model to be given."""
    from training import datasets

    if arguments.dataset is None and recipe is None:
        raise UsageError("It is not known what this model was trained on: give --dataset.")
    recipe = recipe or find_recipe("conv_draw_folder")
    settings = {name: getattr(arguments, name) for name in DATA_SETTINGS}
    recipe = recipe.override(**settings)
    with stage(f"Reading {recipe.data['name']}"):
        data = datasets.load_for(recipe)
    if data.image_shape != model.image_shape:
        raise MismatchError(
            "image_size",
            f"images of shape {model.image_shape}, which the model takes",
            f"shape {data.image_shape} of {data.name}",
            "give $image_size and $channels to convert them",
        )
    if data.context_shape != model.context_shape:
        raise MismatchError(
            "dataset",
            f"{_of_shape(model.context_shape)}, as the model takes",
            f"{_of_shape(data.context_shape)} of {data.name}",
            "give another $dataset, like the one that the model was trained on",
        )
    return data


def _of_shape(context_shape):
    return f"context images of shape {context_shape}" if context_shape else "no context images"


# === Reproductions ===


def add_results_option(parser):
    """Adds where `vae-zoo reproduce` and `vae-zoo report` find results."""
    parser.add_argument(
        "--directory",
        metavar="FOLDER",
        default="reproduction",
        help="where runs and drawings lie; default: reproduction",
    )


# === A file that is written ===


class Output(argparse.Action):
    """A path that can be written to: of another it would be told only once all is done."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Is called by argparse where the option is given."""
        path = pathlib.Path(values).absolute()
        # Missing folders will be made, in the innermost that exists.
        folder = next(parent for parent in path.parents if parent.exists())
        if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
            raise SettingError(self.dest, "a file that can be written", values)
        setattr(namespace, self.dest, values)


class _Picture(Output):
    """A path that ends in .png, likewise."""

    def __call__(self, parser, namespace, values, option_string=None):
        if not values.lower().endswith(".png"):
            raise SettingError(self.dest, "a file that ends in .png", values)
        super().__call__(parser, namespace, values, option_string)


def add_picture_option(parser, default, otherwise=None):
    """Adds the picture that is written; `otherwise` says what the default is, if it is None."""
    text = f"the picture, a PNG file; {otherwise or f'default: {default}'}"
    parser.add_argument("--output", action=_Picture, metavar="FILE", default=default, help=text)


def save_picture(save, path, *content):
    """Calls `save(path, *content)`; says of a picture that cannot be written what to do."""
    try:
        save(path, *content)
    except OSError as error:
        raise UserError(f"Could not write {path}: {error.strerror or error}.") from error
