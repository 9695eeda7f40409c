"""What each command of `vae-zoo` does with its parsed arguments."""

import pathlib

import numpy as np
import tensorflow as tf

from training import build, figures, measures, model_source, run
from training.datasets.image_files import decode_image
from training.datasets.resizing import fit_image
from training.errors import UsageError, UserError
from training.recipes import find_recipe
from training.run_directory import RunDirectory

__all__ = ["evaluate", "export", "reconstruct", "sample", "train"]

_EVALUATION_BATCH = 100
_DATA_SETTINGS = ("dataset", "image_size", "fit", "channels", "corrupt")
_RECIPE_SETTINGS = (
    *_DATA_SETTINGS,
    "tolerance",
    "objective",
    "steps",
    "batch_size",
    "learning_rate",
    "seed",
)


def train(arguments):
    """Trains a recipe: `vae-zoo train`."""
    recipe = find_recipe(arguments.recipe)
    directory = arguments.directory or str(pathlib.Path("runs") / recipe.name)
    if arguments.resume:
        # The run goes on as it was begun, even if the recipe of that name has changed since.
        begun = RunDirectory(directory).read_recipe()
        if begun.name != recipe.name:
            raise UsageError(f"{directory} is a run of {begun.name}, not of {recipe.name}.")
        recipe = begun
    settings = {name: getattr(arguments, name) for name in _RECIPE_SETTINGS}
    recipe = recipe.override(**settings)
    _, metrics = run.train(recipe, directory, arguments.resume, arguments.strategy)
    if metrics is not None:
        print(f"\n{summary(metrics)}\nEverything is in {directory}; begin with card.md.")


def summary(metrics):
    """Says in a few lines what a run reached, and what it did not."""
    test = metrics["test"]
    tolerance = metrics["tolerances"].get("ReconstructionError")
    asked = "" if tolerance is None else f" (tolerance {tolerance:g})"
    bits = metrics["bits_per_dimension"]["value"]
    text = (
        f"On the test split: rmse {test['rmse']:.4f}{asked}, rate {test['rate']:.1f} nats an "
        f"image, at most {bits:.3f} bits a dimension."
    )
    return "\n".join([text, *measures.shortfalls(metrics)])


def evaluate(arguments):
    """Measures a model on a test split: `vae-zoo evaluate`."""
    model, recipe = model_source.load_model(arguments.model)
    data = _load_data(arguments, recipe)
    if data.image_shape != model.image_shape:
        raise UsageError(
            f"The model takes images of shape {model.image_shape}, but those of {data.name} have "
            f"shape {data.image_shape}. Give --image-size and --channels to convert them."
        )
    # The noise depends on the batches, so those of the run give the figures of the run.
    batch_size = recipe.batch_size if recipe else _EVALUATION_BATCH
    logs = model.evaluate(data.batches("test", batch_size), return_dict=True, verbose=0)
    bits = measures.bits_per_dimension(model, data)
    print(f"{data.name}, {data.num_examples['test']} images of the test split:")
    width = max(map(len, ["bits a dimension", *logs])) + 2
    for name, value in sorted(logs.items()):
        print(f"  {name:{width}}{float(value):.6g}")
    print(
        f"  {'bits a dimension':{width}}{bits['value']:.6g}  (at most; {bits['images']} images, "
        f"{bits['importance_samples']} samples each)"
    )


def _load_data(arguments, recipe):
    if arguments.dataset is None and recipe is None:
        raise UsageError("It is not known what this model was trained on: give --dataset.")
    recipe = recipe or find_recipe("conv_draw_folder")
    settings = {name: getattr(arguments, name) for name in _DATA_SETTINGS}
    return build.load_data(recipe.override(**settings))


def sample(arguments):
    """Draws samples into a picture: `vae-zoo sample`."""
    _check_at_least("--num", arguments.num, 1)
    _check_at_least("--temperature", arguments.temperature, 0.0)
    if not -(2**31) <= arguments.seed < 2**31:
        raise UsageError(f"--seed must be an integer of 32 bits. Received: {arguments.seed}.")
    model, _ = model_source.load_model(arguments.model)
    images = model.sample(arguments.num, seed=arguments.seed, temperature=arguments.temperature)
    _save(figures.save_grid, arguments.output, np.asarray(images))
    print(f"Wrote {arguments.num} samples to {arguments.output}.")


def reconstruct(arguments):
    """Reconstructs image files into a picture: `vae-zoo reconstruct`."""
    files = [_read_file(pathlib.Path(file)) for file in arguments.files]
    model, _ = model_source.load_model(arguments.model)
    images = np.stack([_fit(model.image_shape, file) for file in files])
    reconstructions = np.asarray(model.reconstruct(images))
    _save(figures.save_reconstructions, arguments.output, images, reconstructions)
    errors = np.sqrt(np.mean((images / 255.0 - reconstructions) ** 2, axis=(1, 2, 3)))
    for file, error in zip(arguments.files, errors, strict=True):
        print(f"  {file}: rmse {error:.4f}")
    print(f"Wrote the images above their reconstructions to {arguments.output}.")


def _read_file(path):
    """Gives the content of an image file that can be decoded."""
    try:
        content = path.read_bytes()
        decode_image(content)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or 'not an image'}.") from error
    except Exception as error:  # Pillow's decoders raise many unrelated types.
        raise UsageError(f"{path} is not an image that can be read: {error}.") from error
    return content


def _fit(image_shape, content):
    """Gives the image, cut and resized to `image_shape`, uint8 `[H, W, C]`."""
    height, width, channels = image_shape
    if channels not in (1, 3):
        raise UsageError(f"Image files have 1 or 3 channels; this model's have {channels}.")
    image = tf.constant(decode_image(content, channels))
    return fit_image(image, (height, width), "crop").numpy()


def export(arguments):
    """Exports a model as a SavedModel: `vae-zoo export`."""
    model, recipe = model_source.load_model(arguments.model)
    try:
        model.export(arguments.path, metadata=recipe and {"recipe": recipe.to_dict()})
    except (FileExistsError, ValueError) as error:
        raise UsageError(str(error)) from error
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"Could not write {arguments.path}: {error}.") from error
    print(f'Wrote {arguments.path}. Load it with zoo.load("{arguments.path}").')


def _check_at_least(name, value, least):
    if not value >= least:
        raise UsageError(f"{name} must be at least {least}. Received: {value}.")


def _save(function, path, *images):
    try:
        function(path, *images)
    except (OSError, ValueError) as error:  # Pillow: ValueError for an unknown suffix.
        raise UserError(
            f"Could not write {path}: {error}. Give a path that ends in .png."
        ) from error
