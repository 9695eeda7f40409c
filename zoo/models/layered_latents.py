"""Layers of latents, each normal given the one above: the top-down networks, and their noise."""

import itertools

import keras
import tensorflow as tf

from zoo.distributions import normals
from zoo.models.conv_networks import ACTIVATION

__all__ = [
    "conditional_normals",
    "latents_of_noise",
    "make_conditional",
    "make_top_down",
    "renewed_noise",
]


def make_top_down(latent_dims, hidden_units):
    """Makes the networks of all layers but the top one, from the lowest up.

    Args:
        latent_dims: Numbers of latents of the layers, from the lowest up.
        hidden_units: Units of each network's hidden layer.
    """
    pairs = itertools.pairwise(latent_dims)
    return [make_conditional(above, below, hidden_units) for below, above in pairs]


def make_conditional(given, num_latents, hidden_units):
    """Makes a network from latents `[B, given]` to mean and log-scale of others."""
    layers = [
        keras.Input((given,)),
        keras.layers.Dense(hidden_units, activation=ACTIVATION),
        keras.layers.Dense(2 * num_latents, dtype="float32"),
    ]
    return keras.Sequential(layers)


def conditional_normals(top_down, latents, training=False):
    """Returns p(h_l | h_{l+1}) of each layer, from the lowest up; N(0, I) is that of the top."""
    below = [
        normals.normal_from_parameters(network(above, training=training))
        for network, above in zip(top_down, latents[1:], strict=True)
    ]
    return [*below, normals.standard_normal()]


def latents_of_noise(top_down, noise, training=False):
    """Returns the layers' latents for standard normal noise, a tuple of both from the lowest up."""
    *below, above = noise
    latents = [above]
    for network, own in zip(reversed(top_down), reversed(below), strict=True):
        normal = normals.normal_from_parameters(network(latents[0], training=training))
        latents.insert(0, normal.loc + normal.scale * own)
    return tuple(latents)


def renewed_noise(kept, num_kept, noise, temperature):
    """Returns noise of all layers: `num_kept` of them from the top as it was, the others anew.

    Args:
        kept: The noise that latents were made of, a tuple of `[B, d_l]`, from the lowest layer up.
        num_kept: An int32 scalar.
        noise: Noise of `zoo.random` for B rows; stream l is drawn for layer l.
        temperature: `[B]`: scales what is drawn.
    """
    renewed = []
    for layer, own in enumerate(kept):
        drawn = temperature[:, tf.newaxis] * noise.normal(own.shape[1:], stream=layer)
        renewed.append(tf.where(layer < len(kept) - num_kept, drawn, own))
    return tuple(renewed)
