"""`vae-zoo reconstruct`: reconstructs image files into a picture."""

import pathlib

from training.command_line.options import (
    add_model_options,
    add_tolerance_option,
    given_tolerance,
    load_image_model,
)
from training.command_line.outputs import add_picture_option, save_picture
from training.runs.stages import stage
from zoo.errors import UsageError

HELP = "reconstruct image files, brought to the model's size"
EXAMPLES = "example:\n  vae-zoo reconstruct runs/mine *.jpg --output pairs.png\n"


def add_options(parser):
    """Adds the model, the files and the picture."""
    add_model_options(parser)
    parser.add_argument("files", nargs="+", metavar="FILE", help="image files")
    add_tolerance_option(parser)
    add_picture_option(parser, "reconstructions.png")


def run(arguments):
    """Saves images above their reconstructions, and prints each one's error."""
    import numpy as np

    from training import figures, kinds

    contents = read_files(arguments.files)
    model, recipe = load_image_model(arguments.model)
    if not kinds.of_model(model).has_latents:
        raise UsageError(
            f"{arguments.model}, of class {type(model).__name__}, has no latents to reconstruct an "
            "image from. Draw from it with `vae-zoo sample`."
        )
    if model.context_shape is not None:
        raise UsageError(
            f"{arguments.model} is conditional: to reconstruct an image it needs the image's "
            "context, which a file does not have. See figures/reconstructions.png of its run, or "
            "use Python: zoo.load(...).reconstruct(images, context)."
        )
    given = given_tolerance(arguments, model)
    images = fit_files(model, recipe, contents)
    with stage(f"Reconstructing {len(images):,} image{'s' * (len(images) > 1)}"):
        reconstructions = np.asarray(model.reconstruct(images, **given))
    save_picture(figures.save_reconstructions, arguments.output, images, reconstructions)
    if model.has_mean:  # Of an image that is drawn, an error says little.
        errors = np.sqrt(np.mean((images / 255.0 - reconstructions) ** 2, axis=(1, 2, 3)))
        for file, error in zip(arguments.files, errors, strict=True):
            print(f"  {file}: rmse {error:.4f}")
    print(f"Wrote the images above their reconstructions to {arguments.output}.")


def read_files(files):
    """Returns the contents of image files, each of which can be decoded."""
    return [_read_file(pathlib.Path(file)) for file in files]


def fit_files(model, recipe, contents):
    """Returns images of files as the model was trained on them, uint8 `[N, H, W, C]`."""
    import numpy as np

    fit = _fit_of(recipe)
    return np.stack([_fit(model.image_shape, fit, content) for content in contents])


def _read_file(path):
    from training.datasets.image_files import decode_image

    try:
        content = path.read_bytes()
        decode_image(content)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or 'not an image'}.") from error
    except Exception as error:  # Pillow's decoders raise many unrelated types.
        raise UsageError(f"{path} is not an image that can be read: {error}.") from error
    return content


def _fit_of(recipe):
    """How the images that the model was trained on were brought to its size."""
    fit = recipe.data["options"].get("fit", "crop") if recipe else "crop"
    return "crop" if fit == "exact" else fit  # Which would refuse files of another size.


def _fit(image_shape, fit, content):
    """Returns the image, brought to `image_shape`, uint8 `[H, W, C]`."""
    from training.datasets.image_files import decode_image
    from training.datasets.resizing import fit_image

    height, width, channels = image_shape
    if channels not in (1, 3):
        raise UsageError(f"Image files have 1 or 3 channels; this model's have {channels}.")
    return fit_image(decode_image(content, channels), (height, width), fit).numpy()
