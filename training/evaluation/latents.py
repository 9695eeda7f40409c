"""Latents of many images, flattened and joined, for measures of q(z)."""

import numpy as np

from zoo import random

__all__ = [
    "interpolations",
    "normal_posteriors",
    "posterior_means",
    "posterior_samples",
    "prior_samples",
    "traversal",
]

_BATCH_SIZE = 200
_ENCODED_AT_ONCE = 1000  # Images, where nothing but the posterior's parameters is kept.


def posterior_samples(model, data, split, num_samples, seed):
    """Draws z ~ q(z|x), one for each of the first images of a split: float32 `[N, d]`."""
    rows, start = [], 0
    for batch in data.batches(split, _BATCH_SIZE, _at_most(data, split, num_samples)):
        rows.append(_flatten(model.encode(batch["image"], seed=(seed, start))))
        start += len(rows[-1])
    return np.concatenate(rows)


def posterior_means(model, data, split, num_images):
    """Returns the posterior means of the first images of a split: float32 `[N, d]`."""
    batches = data.batches(split, _BATCH_SIZE, _at_most(data, split, num_images))
    return np.concatenate([_flatten(model.encode(batch["image"])) for batch in batches])


def normal_posteriors(model, images):
    """Returns loc and scale, float64 `[N, d]`, of a posterior that is one normal.

    Args:
        model: A model with `posterior`.
        images: uint8 or in pixel units, `[N, H, W, C]`.
    """
    starts = range(0, len(images), _ENCODED_AT_ONCE)
    batches = (images[i : i + _ENCODED_AT_ONCE] for i in starts)
    parts = [model.posterior(batch) for batch in batches]
    return tuple(
        np.concatenate([np.float64(getattr(part, name)) for part in parts]).reshape(len(images), -1)
        for name in ("loc", "scale")
    )


def interpolations(model, starts, ends, num, **given):
    """Decodes straight lines between the latents of images, posterior means where there are any.

    A model with an `interpolate` of its own, as `zoo.ChartVAE`, goes by that.

    Args:
        model: A `zoo.LatentImageModel` without context.
        starts: `[N, H, W, C]`, uint8 or in pixel units, where lines begin.
        ends: `[N, H, W, C]`, where they end.
        num: Images of each line, with both ends.
        **given: What else `encode` and `decode` take: the `tolerance` of a model with a range.

    Returns:
        `[N, num, H, W, C]`, means of the likelihood if it has one, and else draws.
    """
    if hasattr(model, "interpolate"):
        return model.interpolate(starts, ends, num, through=np.concatenate([starts, ends]))
    first, last = model.encode(starts, **given), model.encode(ends, **given)
    noise = random.RowNoise(random.row_seeds(0, len(starts)))
    frames = []
    for share in np.linspace(0.0, 1.0, num, dtype=np.float32):
        latents = tuple((1.0 - share) * a + share * b for a, b in zip(first, last, strict=True))
        frames.append(np.asarray(model.images_of(model.decode(latents, **given), noise)))
    return np.stack(frames, axis=1)


def traversal(model, image, group, index, reach, num, **given):
    """Decodes the latents of an image while one of them moves, or a group of them together.

    Args:
        model: A `zoo.LatentImageModel`.
        image: `[H, W, C]`, uint8 or in pixel units, whose posterior means are in the middle.
        group: Which of the groups of latents, from 0.
        index: Which latent of the flattened group, from 0; None: the whole group moves, along a
            direction drawn from a normal distribution.
        reach: How far it moves to either side, in the latents' unit.
        num: Number of images.
        **given: As in `interpolations`; rows of the image's.

    Returns:
        `[num, H, W, C]`, as in `interpolations`.
    """
    latents = [np.asarray(values) for values in model.encode(image[None], **given)]
    size = latents[group][0].size
    along = np.random.default_rng(0).normal(size=size) if index is None else np.eye(size)[index]
    steps = np.linspace(-reach, reach, num)[:, None] * along
    moved = [np.repeat(values, num, axis=0) for values in latents]
    moved[group] = moved[group] + steps.reshape(num, *moved[group].shape[1:]).astype(np.float32)
    noise = random.RowNoise(np.zeros((num, 2), np.int32))  # All with the noise of one row.
    given = {k: np.repeat(v, num, axis=0) if np.ndim(v) else v for k, v in given.items()}
    return np.asarray(model.images_of(model.decode(tuple(moved), **given), noise))


def prior_samples(model, num_samples, seed):
    """Draws z ~ p(z): float32 `[N, d]`."""
    return _flatten(model.sample_prior(num_samples, seed=seed))


def _at_most(data, split, num):
    return min(num, data.num_examples[split])


def _flatten(groups):
    return np.concatenate([np.reshape(group, [len(group), -1]) for group in groups], axis=1)
