"""The Markov chain of encoding and decoding: x, z ~ q(z|x), x ~ p(x|z), and so on."""

import tensorflow as tf

from zoo import checks, random
from zoo.base import inputs

__all__ = ["markov_chain"]

_START = 0  # Tag of the noise that a chain starts from; steps take 2t + 1 and 2t + 2.


def markov_chain(model, num_steps, images=None, num=None, seed=0, context=None, draw_pixels=True):
    """Runs the chain x_t → z ~ q(z|x_t) → x_{t+1} ~ p(x|z).

    Towards Deeper Understanding of Variational Autoencoding Models (Zhao, Song & Ermon 2017): for
    a model trained without a regulariser, whose latents do not follow the prior, this is the way
    to sample. Images are drawn from p(x|z), as the paper says, and clipped to [0, 1].

    Args:
        model: A `zoo.LatentImageModel`.
        num_steps: Number of steps T, at least 1.
        images: Where the chains start, `[N, H, W, C]`, float in [0, 1] or uint8. None: at pixels
            drawn uniformly from [0, 1].
        num: Number of chains N without `images`.
        seed: An int or int32 `[2]`; chain i depends on (a, b + i) alone.
        context: Context images of a conditional model, `[N, ...]`, the same at every step.
        draw_pixels: False for the likelihood's mean in place of a draw of p(x|z): smoother images,
            for a model that has one.

    Returns:
        The chains, float32 `[T + 1, N, H, W, C]` in pixel units, the start first.

    Raises:
        ValueError: `num_steps` or `num` is below 1, not exactly one of `images` and `num` is given,
            the images do not fit the model, or the model has no mean and one is asked for.

    Example:
        >>> chain = zoo.sampling.markov_chain(model, num_steps=5, num=16)
        >>> chain.shape
        TensorShape([6, 16, 28, 28, 1])
    """
    _check_arguments(model, num_steps, images, num, draw_pixels)
    if images is None:
        seeds = random.row_seeds(seed, num)
        images = random.RowNoise(seeds).fold(_START).uniform(model.image_shape)
    else:
        with inputs.plain_errors():
            images = inputs.as_images(images, model.image_shape)
        seeds = random.row_seeds(seed, images.shape[0])
    context = None if context is None else tf.convert_to_tensor(context)
    chain = [images]
    for step in range(num_steps):
        with inputs.plain_errors():
            images = _advance(model, draw_pixels, images, context, seeds, tf.constant(step))
        chain.append(images)
    return tf.stack(chain)


@tf.function(autograph=False, reduce_retracing=True)  # Also the noise and the draw of pixels.
def _advance(model, draw_pixels, images, context, seeds, step):
    """One step of each chain."""
    noise = random.RowNoise(seeds)
    record = model.infer(images, context, seed=noise.fold(2 * step + 1))
    noise = noise.fold(2 * step + 2)
    if draw_pixels and model.has_mean:
        height, width, channels = model.image_shape
        shape = [height, width, model.likelihood.num_uniforms(channels)]
        drawn = model.likelihood.draw(record.likelihood, noise.uniform(shape))
    else:
        drawn = model.images_of(record.likelihood, noise)
    return tf.clip_by_value(drawn, 0.0, 1.0)


def _check_arguments(model, num_steps, images, num, draw_pixels):
    if (images is None) == (num is None):
        given = "neither" if images is None else "both"
        raise ValueError(
            "Pass images=, to start from, or num=, for so many chains that start from noise. "
            f"Received: {given}"
        )
    checks.integer("num_steps", num_steps)
    if num is not None:
        checks.integer("num", num)
    if not draw_pixels and not model.has_mean:
        raise ValueError(
            f"{type(model).__name__} has no mean image in closed form: leave draw_pixels at True. "
            "Received: draw_pixels=False"
        )
