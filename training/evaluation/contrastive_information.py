"""How much latents tell of the image they came from, by the decoder alone: a bound on I(x; z).

`mutual_information` needs the density of the posterior, which inference by short chains has not.
The contrastive bound needs draws and a critic (van den Oord, Li & Vinyals 2018; Poole et al. 2019,
equation 10): of z_i ~ q(z|x_i), and with a power b of the decoder's p(x|z) as the critic,

    I(x; z) >= mean_i [ b log p(x_i|z_i) - log mean_j p(x_i|z_j)^b ],

at most log N. It is 0 where the decoder does not look at z. With b = 1 it is far below 0 where q is
not the decoder's posterior, so b is chosen by every other image, and the bound is of the others.
"""

import numpy as np
import tensorflow as tf

__all__ = ["measure"]

DESCRIPTION = "I(x; z) at least, nats, whatever the posterior; at most the logarithm of N"

_BATCH_SIZE = 200
_POWERS = 2.0 ** -np.arange(13)


def measure(model, data, split="test", num_images=100, seed=0):
    """Bounds I(x; z) from below, with one z an image.

    Costs num_images² densities of an image.

    Args:
        model: A `zoo.LatentImageModel` without context.
        data: An `ImageDataset` of its images.
        split: The split whose first images are the data.
        num_images: N, at most as many as the split has.
        seed: Of the latents.

    Returns:
        A dict in nats: `information_at_least`, its standard error `information_error` over images,
        and its cap `log_num_images`; and the critic's `power` b.

    Example:
        >>> measure(zoo.load("short_run_mnist"), datasets.load("mnist"))
    """
    num_images = min(num_images, data.num_examples[split])
    batches = data.levels.batches(split, _BATCH_SIZE, num_images)
    images = np.concatenate([batch["image"] for batch in batches])
    starts = range(0, num_images, _BATCH_SIZE)
    parts = [model.encode(images[i : i + _BATCH_SIZE], seed=(seed, i)) for i in starts]
    latents = tuple(np.concatenate(group) for group in zip(*parts, strict=True))
    table = np.stack([_densities(model, images, latents, j) for j in range(num_images)], axis=1)
    bounds = np.stack([_bound(power * table) for power in _POWERS])
    best = np.argmax(bounds[:, ::2].mean(axis=1))
    terms = bounds[best, 1::2]
    return {
        "information_at_least": float(terms.mean()),
        "information_error": float(terms.std() / np.sqrt(len(terms))),
        "log_num_images": float(np.log(num_images)),
        "power": float(_POWERS[best]),
    }


def _bound(critic):
    """Returns the terms of the bound, `[N]`, of log f(x_i, z_j), `[N, N]`."""
    return np.diag(critic) - np.logaddexp.reduce(critic, axis=1) + np.log(len(critic))


def _densities(model, images, latents, index):
    """Returns log p(x_i|z) of all images at one row of the latents, float64 `[N]`."""
    images, parts = np.float32(images) / 255.0, []
    for start in range(0, len(images), _BATCH_SIZE):
        part = tf.constant(images[start : start + _BATCH_SIZE])
        repeated = tuple(
            np.repeat(group[index : index + 1], len(part), axis=0) for group in latents
        )
        parts.append(model.decode(repeated).log_prob(part))
    return np.concatenate(parts).astype(np.float64)
