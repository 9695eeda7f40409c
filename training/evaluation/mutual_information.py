"""How much latents tell of the image they came from: I(x; z) under q, by the whole-set mixture.

q(z) is the average of q(z|x) over N images, so that average KL = marginal KL + I(x; z). The
estimate mean_j [log q(z_j|x_j) - log q(z_j)] cannot exceed log N: where posteriors of different
images hardly overlap it is that cap, and says only that there is at least so much (Taming VAEs,
Table 2; the authors of PixelVAE take the same estimate).
"""

import numpy as np
import tensorflow as tf

from training.evaluation.latents import normal_posteriors

__all__ = ["measure"]

DESCRIPTION = "I(x; z), nats, at most the logarithm of the number of images"

_ENCODED_AT_ONCE = 1000  # Images a call where each latent meets each image.


def measure(model, data, split="test", num_images=1000, num_latents=None, seed=0):
    """Estimates I(x; z) from one z a data point.

    Costs num_images · num_latents posterior densities, each with a pass of the encoder unless the
    model's posterior is one normal, as that of a VAE without hierarchy. Over a whole set a few
    hundred latents do: their information differs little where it is near its cap.

    Args:
        model: A `zoo.LatentImageModel` without context.
        data: An `ImageDataset` of its images.
        split: The split whose first images are the data.
        num_images: N, at most as many as the split has.
        num_latents: z are drawn of so many of the first images; None: of all.
        seed: Of the latents.

    Returns:
        A dict in nats: `mutual_information`, its standard error `mutual_information_error`, its cap
        `log_num_images`, `average_kl` by the same draws, and `marginal_kl`, their difference.

    Example:
        >>> model, data = zoo.load("conv_draw_digits"), datasets.load("digits")
        >>> measure(model, data)
        >>> measure(model, data, "train", num_images=10**9, num_latents=200)  # The whole set.
    """
    num_images = min(num_images, data.num_examples[split])
    num_latents = min(num_latents or num_images, num_images)
    images = np.concatenate([b["image"] for b in data.batches(split, 200, num_images)])
    latents, log_prior = _draw(model, images[:num_latents], seed)
    pairwise = _normal_densities if hasattr(model, "posterior") else _densities
    own, mixture = pairwise(model, images, latents)
    information = own - mixture
    average_kl = float(np.mean(own - log_prior))
    return {
        "mutual_information": float(information.mean()),
        "mutual_information_error": float(information.std() / np.sqrt(num_latents)),
        "log_num_images": float(np.log(num_images)),
        "average_kl": average_kl,
        "marginal_kl": average_kl - float(information.mean()),
        "images": num_images,
    }


def _draw(model, images, seed):
    """Draws z ~ q(z|x) for each image; returns a tuple `[N, ...]` and log p(z), float64 `[N]`."""
    starts = range(0, len(images), 200)
    parts = [model.encode(images[i : i + 200], seed=(seed, i)) for i in starts]
    groups = zip(*parts, strict=True)
    log_prior = np.concatenate([model.log_prior(latents) for latents in parts])
    return tuple(np.concatenate(group) for group in groups), log_prior.astype(np.float64)


def _normal_densities(model, images, latents):
    """Returns log q(z_j|x_j) and log q(z_j), float64 `[N]`, of a posterior that is one normal."""
    loc, scale = normal_posteriors(model, images)
    rows = np.concatenate([np.float64(group).reshape(len(group), -1) for group in latents], axis=1)
    log_volumes = np.log(scale).sum(axis=1) + 0.5 * rows.shape[1] * np.log(2.0 * np.pi)

    def densities_of(row):
        return -0.5 * (((row - loc) / scale) ** 2).sum(axis=1) - log_volumes

    return _own_and_mixture(densities_of(row) for row in rows)


def _densities(model, images, latents):
    """Returns the same of any model, each latent beside each image through `log_posterior`."""

    def density(batch, row):
        num_rows = tf.shape(batch)[0]
        repeated = tuple(tf.repeat(group[None], num_rows, axis=0) for group in row)
        return model.log_posterior(repeated, batch)

    def densities_of(index):
        row = tuple(tf.constant(group[index]) for group in latents)
        starts = range(0, len(images), _ENCODED_AT_ONCE)
        parts = [density(images[i : i + _ENCODED_AT_ONCE], row).numpy() for i in starts]
        return np.concatenate(parts).astype(np.float64)

    return _own_and_mixture(densities_of(index) for index in range(len(latents[0])))


def _own_and_mixture(table):
    """Reads log q(z_j|x_j) and log q(z_j) off rows of log q(z_j|x_i) for all i, row j after row."""
    own, mixture = [], []
    for index, densities in enumerate(table):
        own.append(densities[index])
        mixture.append(np.logaddexp.reduce(densities) - np.log(len(densities)))
    return np.array(own), np.array(mixture)
