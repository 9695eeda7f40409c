"""Options that several commands have, and the model or data set that they name."""

from training.command_line.numbers import SEED, Integer, Number
from training.recipes import find_recipe
from training.runs.stages import stage
from zoo.checks import PIXEL_ERROR
from zoo.errors import MismatchError, UsageError

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
