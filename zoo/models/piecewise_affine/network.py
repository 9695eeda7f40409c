"""The decoder on regions of one activation pattern: affine maps, layer by layer.

A network is a list of layers `(kernel [in, out], bias [out])`, float64; all but the last are
followed by a leaky ReLU. `patterns` has for each of those the factors of its units, `[R, units]`: 1
where the unit is positive on the region, else the negative slope.
"""

from typing import NamedTuple

import tensorflow as tf

__all__ = ["AffineMaps", "affine_maps", "apply", "preactivations"]


class AffineMaps(NamedTuple):
    """What each layer is given and gives on each region, as affine functions of the latents.

    Attributes:
        inputs: One `(H [R, in, d], k [R, in])` a layer: its input is H z + k.
        outputs: One `(a [R, out, d], c [R, out])` a layer, before the activation; the last is the
            decoder's mean, A z + b.
    """

    inputs: list
    outputs: list


def affine_maps(layers, patterns, latent_dim, num_regions):
    """Returns the `AffineMaps` of a network on regions; differentiable in the layers."""
    inputs, outputs = [], []
    current = _identity(latent_dim, num_regions)
    for index, layer in enumerate(layers):
        inputs.append(current)
        outputs.append(preactivations(current, layer))
        if index < len(patterns):
            slopes, shifts = outputs[-1]
            current = patterns[index][..., None] * slopes, patterns[index] * shifts
    return AffineMaps(inputs, outputs)


def _identity(latent_dim, num_regions):
    eye = tf.eye(latent_dim, batch_shape=[num_regions], dtype=tf.float64)
    return eye, tf.zeros([num_regions, latent_dim], tf.float64)


def preactivations(inputs, layer):
    """Returns (a, c) of a layer whose input is (H, k) on each region."""
    slopes, shifts = inputs
    kernel, bias = layer
    return tf.einsum("rid,io->rod", slopes, kernel), tf.matmul(shifts, kernel) + bias


def apply(layers, latents, negative_slope):
    """Returns the decoder's means `[N, D]` at latents `[N, d]`."""
    values = latents
    for kernel, bias in layers[:-1]:
        values = tf.matmul(values, kernel) + bias
        values = tf.where(values > 0, values, negative_slope * values)
    kernel, bias = layers[-1]
    return tf.matmul(values, kernel) + bias
