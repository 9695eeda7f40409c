"""The zoo's side: `zoo.sampling.sample_pixels`, as `model.sample` runs it and compiled by XLA."""

import tensorflow as tf

from benchmarks.peers.zoo_side import versions
from benchmarks.pixel_sampling import make_model
from zoo import random, sampling

__all__ = ["make_call", "make_given", "versions"]

_SHAPE = (28, 28, 1)


def make_given(num):
    """Returns weights, latents and uniforms for both sides to draw `num` images with."""
    model = _make_model()
    (latents,) = model.sample_prior(num, seed=0)
    noise = random.RowNoise(random.row_seeds(0, num))
    uniforms = noise.uniform([*_SHAPE[:2], model.likelihood.num_uniforms(_SHAPE[-1])], stream=1)
    return {
        "weights": [weight.numpy() for weight in model.trainable_weights],
        "latents": latents.numpy(),
        "uniforms": uniforms.numpy(),
    }


def make_call(variant, given, num):
    """Makes a function without arguments that draws images, NumPy `[num, 28, 28, 1]`.

    Args:
        variant: "graph" or "xla".
        given: `weights`, `latents` and `uniforms`, arrays.
        num: How many images: the first latents and uniforms.
    """
    model = _make_model()
    for weight, value in zip(model.trainable_weights, given["weights"], strict=True):
        weight.assign(value)
    latents, uniforms = (tf.constant(given[name][:num]) for name in ("latents", "uniforms"))

    def draw(latents, uniforms):
        return sampling.sample_pixels(model.decoder, model.likelihood, latents, uniforms)

    draw = tf.function(draw, autograph=False, jit_compile=variant == "xla")
    return lambda: draw(latents, uniforms).numpy()


def _make_model():
    return make_model(_SHAPE, "pixel_vae_mnist")
