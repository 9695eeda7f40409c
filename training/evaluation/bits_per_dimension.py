"""The upper bound on bits a dimension, the likelihood quantised to 256 levels."""

import math

import tensorflow as tf

__all__ = ["measure"]

_NUM_IMAGES = 500
_NUM_SAMPLES = 16
_BATCH = 50


def measure(model, data, num_images=_NUM_IMAGES, num_samples=_NUM_SAMPLES, seed=0, **given):
    """Measures the upper bound on bits a dimension on the first images of the test split.

    Args:
        model: A `zoo.LatentImageModel`.
        data: An `ImageDataset` of its images.
        num_images: Images, at most.
        num_samples: Importance samples an image.
        seed: An int, of the latents.
        **given: What else `log_prob` takes: the `tolerance` of a model with a range.

    Returns:
        A dict with the value and what it was measured on.
    """
    num_images = min(num_images, data.num_examples["test"])

    total, start = 0.0, 0
    for batch in data.levels.batches("test", min(_BATCH, num_images), num_images):
        context = batch.get("context")
        bounds = model.log_prob(batch["image"], num_samples, (seed, start), context, **given)
        total += float(tf.reduce_sum(bounds))
        start += int(batch["image"].shape[0])
    dimensions = math.prod(data.image_shape)
    return {
        "value": -total / (num_images * dimensions * math.log(2.0)),
        "images": num_images,
        "importance_samples": num_samples,
        "seed": seed,
    }
