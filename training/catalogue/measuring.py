"""What is measured and drawn of a released model, beside what its run did."""

import contextlib
import functools

import numpy as np

from training import evaluation, figures, kinds
from training.evaluation.latents import interpolations
from training.figures import model_pictures
from training.runs import provenance
from zoo.errors import UsageError

__all__ = ["MEASURES", "draw", "measure"]

# In the order of the card. Those that are not about a model are left out.
MEASURES = (
    *("sample_confidence", "frechet_distance", "class_distribution", "active_units"),
    "generated_accuracy",
)
_TEMPERATURE = 0.7
_NUM_PAIRS, _NUM_BETWEEN = 6, 10
_NUM_SAMPLES = 36


def measure(model, data):
    """Returns what each of `MEASURES` that is about the model finds, by name, and what made it.

    Args:
        model: Any model of the zoo.
        data: The `ImageDataset` of its recipe.
    """
    found = {"made_with": provenance.made_with()}
    if not kinds.of_model(model).draws_images:
        return found
    with _remembered_samples(model):
        for name in MEASURES:
            try:
                evaluation.check(name, model, data)
            except UsageError:
                continue
            found[name] = evaluation.measure(name, model, data)
    return found


@contextlib.contextmanager
def _remembered_samples(model):
    """Lets measures share the samples that they ask for alike: a slow model draws them for long."""
    draw = model.sample
    remember = functools.cache(draw)

    def sample(num, seed, temperature=1.0, *context):
        return (
            draw(num, seed, temperature, *context) if context else remember(num, seed, temperature)
        )

    model.sample = sample
    try:
        yield
    finally:
        del model.sample


def draw(model, data, folder):
    """Draws samples at a low temperature and interpolations; returns the pictures' names.

    Args:
        model: Any model of the zoo.
        data: The `ImageDataset` of its recipe.
        folder: Where the pictures go, a `pathlib.Path`.
    """
    kind = kinds.of_model(model)
    if not kind.draws_images:
        return []
    as_images = data.channels_are_images
    names = ["samples_cool.png"]
    samples = (
        model_pictures.draw_samples(model, _NUM_SAMPLES, data, temperature=_TEMPERATURE)
        if kind.has_latents
        else (np.asarray(model.sample(_NUM_SAMPLES, 0, _TEMPERATURE)), None)
    )
    model_pictures.save_samples(folder / names[0], *samples, as_images)
    if kind.has_latents and model.has_mean and model.context_shape is None:
        names.append("interpolation.png")
        images = data.sample_examples("test", 2 * _NUM_PAIRS, seed=0)["image"]
        lines = interpolations(model, images[::2], images[1::2], _NUM_BETWEEN)
        figures.save_grid(folder / names[1], np.concatenate(lines), _NUM_BETWEEN, as_images)
    return names
