"""Pictures of what a model makes: of a conditional model beside the contexts it is given."""

import numpy as np

import zoo
from training import figures
from training.figures.chains import save_chains

__all__ = [
    "SAMPLES_PER_CONTEXT",
    "draw_samples",
    "has_chains",
    "save_markov_chains",
    "save_reconstructions",
    "save_samples",
    "save_steps",
]

SAMPLES_PER_CONTEXT = 8
_NUM_CHAINS, _CHAIN_STEPS = 8, 9


def save_reconstructions(path, model, examples, channels_are_images=False):
    """Reconstructs images from posterior means into a picture.

    Args:
        path: A PNG file.
        model: A `zoo.LatentImageModel`.
        examples: A dict of `image`, uint8 `[N, H, W, C]`, and for a conditional model `context`.
        channels_are_images: As in `figures.as_pixels`.
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


def draw_samples(model, num, data=None, seed=0, temperature=1.0, **given):
    """Draws samples; of a conditional model `SAMPLES_PER_CONTEXT` for each of several contexts.

    Args:
        model: A `zoo.LatentImageModel`.
        num: Number of samples.
        data: The `ImageDataset` whose test split has the contexts of a conditional model.
        seed: An int: of the samples, and of the choice of contexts.
        temperature: Scales the prior's standard deviations.
        **given: What else `sample` takes: the `tolerance` of a model with a range.

    Returns:
        Samples `[num, H, W, C]`, those of a context together, and the contexts `[N, H, W, C']`, or
        None of a model without.
    """
    if model.context_shape is None:
        return np.asarray(model.sample(num, seed, temperature, **given)), None
    contexts = data.sample_examples("test", -(-num // SAMPLES_PER_CONTEXT), seed)["context"]
    given["context"] = np.repeat(contexts, SAMPLES_PER_CONTEXT, axis=0)[:num]
    return np.asarray(model.sample(num, seed, temperature, **given)), contexts


def save_samples(path, samples, contexts=None, channels_are_images=False):
    """Saves what `draw_samples` gave: a grid, or a row a context.

    Args:
        path: A PNG file.
        samples: `[num, H, W, C]`.
        contexts: `[N, H, W, C']` or None.
        channels_are_images: As in `figures.as_pixels`.
    """
    if contexts is None:
        figures.save_grid(path, samples, channels_are_images=channels_are_images)
    else:
        figures.save_conditional_samples(
            path, contexts, samples, SAMPLES_PER_CONTEXT, channels_are_images
        )


def has_chains(model):
    """Whether Markov chains show what samples of the prior may not.

    So it is without a regulariser, when latents do not follow the prior, and of PixelVAE, of which
    the paper shows both.
    """
    return model.context_shape is None and not (model.objective.is_regularised and model.has_mean)


def save_markov_chains(path, model, channels_are_images=False):
    """Saves chains of encoding and decoding, from noise; a row each, with its steps.

    Args:
        path: A PNG file.
        model: A `zoo.LatentImageModel` without context.
        channels_are_images: As in `figures.as_pixels`.
    """
    chains = zoo.sampling.markov_chain(model, _CHAIN_STEPS, num=_NUM_CHAINS)
    save_chains(path, np.asarray(chains), channels_are_images=channels_are_images)


def save_steps(folder, model, images, channels_are_images=False, seed=0):
    """Saves the images after each step of a model that draws in steps, a row an image.

    `steps_of_reconstructions.png` begins with the data; then there is `steps_of_samples.png`.

    Args:
        folder: Where the pictures go.
        model: A model whose `sample` and `reconstruct` take `return_chain`.
        images: What is reconstructed, with latents drawn: uint8 `[N, H, W, C]`.
        channels_are_images: As in `figures.as_pixels`.
        seed: An int, of the draws.
    """
    images = images[:_NUM_CHAINS]
    chain = model.reconstruct(images, seed=seed, return_chain=True)
    path = folder / "steps_of_reconstructions.png"
    save_chains(path, chain, images, channels_are_images)
    chain = model.sample(_NUM_CHAINS, seed=seed, return_chain=True)
    path = folder / "steps_of_samples.png"
    save_chains(path, chain, channels_are_images=channels_are_images)
