"""What each command of `vae-zoo` does with its parsed arguments."""

import pathlib

import numpy as np
import tensorflow as tf

from training import datasets, evaluation, figures, kinds
from training.datasets.image_files import decode_image
from training.datasets.resizing import fit_image
from training.figures import model_pictures
from training.recipes import find_recipe, imports
from training.runs import model_source, run
from training.runs.run_directory import RunDirectory, write_json
from zoo.errors import UsageError, UserError

__all__ = ["evaluate", "export", "reconstruct", "sample", "train"]

_EVALUATION_BATCH = 100
_DATA_SETTINGS = (
    "dataset",
    "image_size",
    "fit",
    "channels",
    "corrupt",
    "binarize",
    "dequantize",
    "data_seed",
)
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
    imports.import_all(recipe.imports)
    settings = {name: getattr(arguments, name) for name in _RECIPE_SETTINGS}
    named = [*recipe.imports, *map(imports.resolve, arguments.imports)]
    recipe = recipe.override(**settings, imports=list(dict.fromkeys(named)))
    _, metrics = run.train(recipe, directory, arguments.resume, arguments.strategy)
    if metrics is not None:
        text = kinds.of_recipe(recipe).summary(metrics)
        print(f"\n{text}\nEverything is in {directory}; begin with card.md.")


def evaluate(arguments):
    """Measures a model on a test split: `vae-zoo evaluate`."""
    model, recipe = model_source.load_model(arguments.model)
    data = _load_data(arguments, recipe)
    _check_shapes(model, data)
    # The noise depends on the batches, so those of the run give the figures of the run.
    batch_size = recipe.batch_size if recipe else _EVALUATION_BATCH
    for found in _measure(arguments, model, data, batch_size):
        # After each measure, for some take minutes.
        if arguments.output is not None:
            write_json(arguments.output, found)
    if arguments.output is not None:
        print(f"Wrote the numbers to {arguments.output}.")


def _measure(arguments, model, data, batch_size):
    """Returns all that was measured so far, after each measure."""
    kind = kinds.of_model(model)
    if arguments.measure and not kind.draws_images:
        raise UsageError(
            f"{arguments.model} is a {kind.name}, and --measure {arguments.measure[0]} is about "
            "models of images. Leave it out."
        )
    for name in arguments.measure:
        evaluation.check(name, model, data)
    found = kind.measure_test(model, data, batch_size)
    print(f"{data.name}, {data.num_examples['test']} images of the test split:")
    _print_in_columns(kind.measured_texts(found))
    yield found
    for name in arguments.measure:
        print(f"{name} ({evaluation.describe(name)}):", flush=True)
        found[name] = evaluation.measure(name, model, data)
        values = sorted(found[name].items())
        _print_in_columns({measure: f"{float(value):.6g}" for measure, value in values})
        yield found


def _print_in_columns(texts):
    width = max(map(len, texts)) + 2
    for name, text in texts.items():
        print(f"  {name:{width}}{text}")


def _load_image_model(name):
    """Loads what can draw and reconstruct images, which a classifier cannot."""
    model, recipe = model_source.load_model(name)
    kind = kinds.of_model(model)
    if not kind.draws_images:
        raise UsageError(
            f"{name} is a {kind.name}: it neither samples nor reconstructs images. Measure it with "
            f"`vae-zoo evaluate {name}`, or name another model; `vae-zoo list` shows them."
        )
    return model, recipe


def _check_shapes(model, data):
    if data.image_shape != model.image_shape:
        raise UsageError(
            f"The model takes images of shape {model.image_shape}, but those of {data.name} have "
            f"shape {data.image_shape}. Give --image-size and --channels to convert them."
        )
    if data.context_shape != model.context_shape:
        raise UsageError(
            f"The model takes {_of_shape(model.context_shape)}, but {data.name} has "
            f"{_of_shape(data.context_shape)}. Give another --dataset, like the one that the model "
            "was trained on."
        )


def _of_shape(context_shape):
    return f"context images of shape {context_shape}" if context_shape else "no context images"


def _load_data(arguments, recipe):
    if arguments.dataset is None and recipe is None:
        raise UsageError("It is not known what this model was trained on: give --dataset.")
    recipe = recipe or find_recipe("conv_draw_folder")
    settings = {name: getattr(arguments, name) for name in _DATA_SETTINGS}
    return datasets.load_for(recipe.override(**settings))


def sample(arguments):
    """Draws samples into a picture: `vae-zoo sample`."""
    _check_at_least("--num", arguments.num, 1)
    _check_at_least("--temperature", arguments.temperature, 0.0)
    if not -(2**31) <= arguments.seed < 2**31:
        raise UsageError(f"--seed must be an integer of 32 bits. Received: {arguments.seed}.")
    model, recipe = _load_image_model(arguments.model)
    data = _load_contexts(arguments, model, recipe)
    samples, contexts = model_pictures.draw_samples(
        model, arguments.num, data, arguments.seed, arguments.temperature
    )
    as_images = data is not None and data.channels_are_images
    _save(model_pictures.save_samples, arguments.output, samples, contexts, as_images)
    print(f"Wrote {arguments.num} samples to {arguments.output}.")


def _load_contexts(arguments, model, recipe):
    """Returns the data set whose contexts a conditional model is to be given, else None."""
    if model.context_shape is None:
        given = [name for name in _DATA_SETTINGS if getattr(arguments, name) is not None]
        if given:
            raise UsageError(
                f"--{given[0].replace('_', '-')} says where the context images of a conditional "
                f"model come from, and {arguments.model} is not conditional. Leave it out."
            )
        return None
    data = _load_data(arguments, recipe)
    _check_shapes(model, data)
    most = model_pictures.SAMPLES_PER_CONTEXT * data.num_examples["test"]
    if arguments.num > most:
        raise UsageError(
            f"--num must be at most {most}, {model_pictures.SAMPLES_PER_CONTEXT} for each context "
            f"of the test split of {data.name}. Received: {arguments.num}."
        )
    return data


def reconstruct(arguments):
    """Reconstructs image files into a picture: `vae-zoo reconstruct`."""
    files = [_read_file(pathlib.Path(file)) for file in arguments.files]
    model, _ = _load_image_model(arguments.model)
    if not kinds.of_model(model).has_latents:
        raise UsageError(
            f"{arguments.model} is an {type(model).__name__}: it has no latents to reconstruct an "
            "image from. Draw from it with `vae-zoo sample`."
        )
    if model.context_shape is not None:
        raise UsageError(
            f"{arguments.model} is conditional: to reconstruct an image it needs the image's "
            "context, which a file does not have. See figures/reconstructions.png of its run, or "
            "use Python: zoo.load(...).reconstruct(images, context)."
        )
    images = np.stack([_fit(model.image_shape, file) for file in files])
    reconstructions = np.asarray(model.reconstruct(images))
    _save(figures.save_reconstructions, arguments.output, images, reconstructions)
    if model.has_mean:  # Of an image that is drawn, an error says little.
        errors = np.sqrt(np.mean((images / 255.0 - reconstructions) ** 2, axis=(1, 2, 3)))
        for file, error in zip(arguments.files, errors, strict=True):
            print(f"  {file}: rmse {error:.4f}")
    print(f"Wrote the images above their reconstructions to {arguments.output}.")


def _read_file(path):
    """Returns the content of an image file that can be decoded."""
    try:
        content = path.read_bytes()
        decode_image(content)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or 'not an image'}.") from error
    except Exception as error:  # Pillow's decoders raise many unrelated types.
        raise UsageError(f"{path} is not an image that can be read: {error}.") from error
    return content


def _fit(image_shape, content):
    """Returns the image, cut and resized to `image_shape`, uint8 `[H, W, C]`."""
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
