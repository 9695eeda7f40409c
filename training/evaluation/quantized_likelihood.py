"""Likelihoods that do not hang on the σ a model was trained with (Taming VAEs, Appendix D).

σ*² is the mean over training images, draws of z and pixels of (x - g(z))², the maximum-likelihood
variance of a normal around the reconstruction. The test images' negative log-likelihood is under
that normal, quantised to the 256 levels and open-ended at 0 and 1.
"""

import math

import numpy as np
import tensorflow as tf

from zoo.distributions import Gaussian
from zoo.errors import UsageError

__all__ = ["check", "measure", "negative_log_likelihood"]

DESCRIPTION = "σ*, and nats a pixel under a normal of that scale, quantised"
TAKES_CONTEXT = True

_BATCH_SIZE = 200


def measure(model, data, num_images=5000, seed=0):
    """Measures σ* on the training split, and the reconstruction likelihood on the test split.

    Args:
        model: A `zoo.LatentImageModel` whose likelihood has a mean.
        data: An `ImageDataset` of its images.
        num_images: Images of each split, at most.
        seed: Of the latents.

    Returns:
        A dict of `noise_scale` (σ*, pixel units), `negative_log_likelihood` (nats a pixel and
        channel), `rate` (nats an image) and `total`, their sum in bits a dimension: an upper bound
        on -log p(x) of the 256-level image.

    Raises:
        UsageError: The model's likelihood has no mean.

    Example:
        >>> measure(zoo.load("conv_draw_digits"), datasets.load("digits"))
    """
    check(model, data)

    def infer(images, context, start):
        record = model.infer(images, context, seed=(seed, start))
        return record.reconstruction, record.rate

    errors = [
        np.square(levels / 255.0 - means, dtype=np.float64).mean(axis=(1, 2, 3))
        for levels, means, _ in _batches(infer, data, "train", num_images)
    ]
    scale = math.sqrt(np.concatenate(errors).mean())
    losses, rates = [], []
    for levels, means, rate in _batches(infer, data, "test", num_images):
        losses.append(negative_log_likelihood(levels, means, scale))
        rates.append(np.float64(rate))
    loss, rate = np.concatenate(losses).mean(), np.concatenate(rates).mean()
    dimensions = math.prod(data.image_shape)
    return {
        "noise_scale": scale,
        "negative_log_likelihood": float(loss / dimensions),
        "rate": float(rate),
        "total": float((loss + rate) / (dimensions * math.log(2.0))),
    }


def check(model, data):
    """Raises UsageError if the model's likelihood has no mean."""
    if not model.has_mean:
        raise UsageError(
            f"quantized_likelihood measures errors of reconstructions, and this "
            f"{type(model).__name__} has none: it draws pixels. Measure bits a dimension instead, "
            "which `vae-zoo evaluate` prints."
        )


def _batches(infer, data, split, num_images):
    """Returns levels, uint8, reconstructions and rates of each batch of a split's first images."""
    start = 0
    num_images = min(num_images, data.num_examples[split])
    for batch in data.levels.batches(split, _BATCH_SIZE, num_images):
        means, rate = infer(batch["image"], batch.get("context"), start)
        yield batch["image"].numpy(), means.numpy(), rate.numpy()
        start += len(rate)


def negative_log_likelihood(levels, means, scale):
    """Returns -log P of 256-level images under quantised normals, in nats an image, float64 `[N]`.

    Args:
        levels: uint8 `[N, H, W, C]`.
        means: In pixel units, of the same shape.
        scale: σ, in pixel units.
    """
    likelihood = Gaussian(scale=float(scale), mean="linear")
    images = tf.constant(levels / np.float32(255.0))
    log_prob = likelihood.log_prob_of_levels(likelihood(tf.constant(means)), images)
    return -np.float64(log_prob)
