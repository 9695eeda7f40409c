"""log p(x) by annealed importance sampling (Neal 2001), as Wu et al. 2017 do for decoders.

Chains walk from the prior to the posterior (`zoo.chains.annealing`). The log of the mean of their
weights is, on average, a lower bound on log p(x); unlike the importance-weighted bound it does not
need a good posterior.
"""

import math

import numpy as np
import tensorflow as tf

from zoo import random
from zoo.chains import annealed_log_weights, inverse_temperatures
from zoo.errors import UsageError

__all__ = ["check", "log_prob", "measure"]

DESCRIPTION = "log p(x), nats, whatever the posterior; takes minutes"


def measure(model, data, num_images=16, num_chains=4, num_temperatures=500, seed=0):
    """Bounds log p(x) of the first test images.

    Args:
        model: A `zoo.LatentImageModel` without context.
        data: An `ImageDataset` of its images.
        num_images: Number of images, at most.
        num_chains: Chains an image.
        num_temperatures: Number of β; each costs 10 gradients a chain: by default a few minutes of
            two CPU cores for a small VAE. More tighten the bound.
        seed: Of the chains.

    Returns:
        A dict of `log_prob` (nats an image, its mean), `log_prob_error` (the standard error of that
        mean over images; those are the same for all models, whose differences are surer),
        `bits_per_dimension`, `importance_weighted` (the model's own bound with as many samples,
        nats), the `acceptance` of proposals, and `images`.

    Raises:
        UsageError: The model draws pixels one after the other: a gradient for each of thousands of
            steps would take days.

    Example:
        >>> measure(zoo.load("conv_draw_digits"), datasets.load("digits"), num_images=10)
    """
    check(model, data)
    num_images = min(num_images, data.num_examples["test"])
    values, bounds, accepted, start = [], [], [], 0
    for batch in data.levels.batches("test", 50, num_images):
        images = batch["image"]
        part_seed = tf.stack([seed, start])
        value, acceptance = log_prob(model, images, num_chains, num_temperatures, part_seed)
        values.append(value)
        accepted.append(acceptance)
        bounds.append(np.float64(model.log_prob(images, num_chains, part_seed)))
        start += len(images)
    values = np.concatenate(values)
    mean = float(values.mean())
    return {
        "log_prob": mean,
        "log_prob_error": float(values.std() / math.sqrt(num_images)),
        "bits_per_dimension": -mean / (math.prod(data.image_shape) * math.log(2.0)),
        "importance_weighted": float(np.concatenate(bounds).mean()),
        "acceptance": float(np.mean(accepted)),
        "images": num_images,
    }


def check(model, data):
    """Raises UsageError if the model draws pixels, or its prior by chains."""
    if getattr(model, "energy", None) is not None:
        raise UsageError(
            "annealed_importance_sampling starts from draws of the prior itself, and short chains "
            "only come near an EnergyPrior. Measure bits a dimension instead, which `vae-zoo "
            "evaluate` prints."
        )
    if not model.has_mean:
        raise UsageError(
            f"annealed_importance_sampling follows the decoder's gradient through the latents, and "
            f"{type(model).__name__} hardly uses them. Measure bits a dimension instead, which "
            "`vae-zoo evaluate` prints."
        )


def log_prob(model, images, num_chains=8, num_temperatures=500, seed=0):
    """Bounds log p(x) of 256-level images.

    Args:
        model: A `zoo.LatentImageModel` without context.
        images: uint8 or float in [0, 1], `[B, H, W, C]`.
        num_chains: Chains an image.
        num_temperatures: Number of β after 0.
        seed: An int or int32 `[2]`; image i has the chains of rows (a, b + i).

    Returns:
        Nats, float64 `[B]`, and the share of proposals that were accepted.
    """
    of_images = random.row_seeds(seed, len(images))
    of_chains = [random.derive(of_images, chain) for chain in range(num_chains)]
    seeds = tf.reshape(tf.stack(of_chains, axis=1), [-1, 2])
    repeated = tf.repeat(tf.convert_to_tensor(images), num_chains, axis=0)
    weights, accepted = _anneal(model, repeated, seeds, inverse_temperatures(num_temperatures))
    weights = np.reshape(np.float64(weights), [len(images), num_chains])
    return np.logaddexp.reduce(weights, axis=1) - math.log(num_chains), float(accepted)


@tf.function(autograph=False)  # All temperatures in one loop.
def _anneal(model, images, seeds, betas):
    """Walks the chains; gives log-weights `[N]` and the share of accepted proposals."""
    noise = random.RowNoise(seeds)
    images = tf.cast(images, tf.float32) / (255.0 if images.dtype == tf.uint8 else 1.0)
    latents, _ = model.generate(noise, tf.ones(tf.shape(images)[:1]))

    def log_densities(latents):
        likelihood = model.likelihood.log_prob_of_levels(model.decode(latents), images)
        return model.log_prior(latents), likelihood

    return annealed_log_weights(log_densities, latents, noise, betas)
