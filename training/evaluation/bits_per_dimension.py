"""The upper bound on bits a dimension, the likelihood quantised to 256 levels."""

import math

import tensorflow as tf

__all__ = ["measure"]

_NUM_IMAGES = 500
_NUM_SAMPLES = 16
_BATCH = 50


def measure(model, data, num_images=_NUM_IMAGES, num_samples=_NUM_SAMPLES, seed=0):
    """Measures the upper bound on bits a dimension on the first images of the test split.

    Returns:
        A dict with the value and what it was measured on.
    """
    num_images = min(num_images, data.num_examples["test"])

    total, start = 0.0, 0
    for batch in data.levels.batches("test", min(_BATCH, num_images), num_images):
        bounds = model.log_prob(batch["image"], num_samples, (seed, start), batch.get("context"))
        total += float(tf.reduce_sum(bounds))
        start += int(batch["image"].shape[0])
    dimensions = math.prod(data.image_shape)
    return {
        "value": -total / (num_images * dimensions * math.log(2.0)),
        "images": num_images,
        "importance_samples": num_samples,
        "seed": seed,
    }
