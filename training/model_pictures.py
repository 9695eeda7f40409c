"""Pictures of what a model makes: of a conditional model beside the contexts it is given."""

import numpy as np

from training import figures

__all__ = ["SAMPLES_PER_CONTEXT", "draw_samples", "save_reconstructions", "save_samples"]

SAMPLES_PER_CONTEXT = 8


def save_reconstructions(path, model, examples, channels_are_images=False):
    """Reconstructs images from posterior means into a picture.

    Args:
        path: A PNG file.
        model: A `zoo.LatentImageModel`.
        examples: A dict of `image`, uint8 `[N, H, W, C]`, and for a conditional model `context`.
        channels_are_images: As of `figures.as_pixels`.
    """
    images, context = examples["image"], examples.get("context")
    reconstructions = np.asarray(model.reconstruct(images, context))
    if context is None:
        figures.save_reconstructions(
            path, images, reconstructions, channels_are_images=channels_are_images
        )
    else:
        figures.save_conditional_reconstructions(
            path, context, images, reconstructions, channels_are_images
        )


def draw_samples(model, num, data=None, seed=0, temperature=1.0):
    """Draws samples; of a conditional model `SAMPLES_PER_CONTEXT` for each of several contexts.

    Args:
        model: A `zoo.LatentImageModel`.
        num: Number of samples.
        data: The `ImageDataset` whose test split has the contexts of a conditional model.
        seed: An int: of the samples, and of the choice of contexts.
        temperature: Scales the prior's standard deviations.

    Returns:
        Samples `[num, H, W, C]`, those of a context together, and the contexts `[N, H, W, C']`, or
        None of a model without.
    """
    if model.context_shape is None:
        return np.asarray(model.sample(num, seed, temperature)), None
    contexts = data.sample_examples("test", -(-num // SAMPLES_PER_CONTEXT), seed)["context"]
    given = np.repeat(contexts, SAMPLES_PER_CONTEXT, axis=0)[:num]
    return np.asarray(model.sample(num, seed, temperature, given)), contexts


def save_samples(path, samples, contexts=None, channels_are_images=False):
    """Saves what `draw_samples` gave: a grid, or a row a context.

    Args:
        path: A PNG file.
        samples: `[num, H, W, C]`.
        contexts: `[N, H, W, C']` or None.
        channels_are_images: As of `figures.as_pixels`.
    """
    if contexts is None:
        figures.save_grid(path, samples, channels_are_images=channels_are_images)
    else:
        figures.save_conditional_samples(
            path, contexts, samples, SAMPLES_PER_CONTEXT, channels_are_images
        )
