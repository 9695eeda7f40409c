"""A small U-Net whose input has the step of a diffusion, too."""

import keras
import numpy as np
import tensorflow as tf

__all__ = ["NUM_FEATURES", "make_u_net", "step_features"]

NUM_FEATURES = 64  # Of a step.
_GROUPS = 8
_LONGEST = 10_000.0  # Period, in steps.


def step_features(steps):
    """Returns sines and cosines of steps `[B]`, float32 `[B, 64]` (Vaswani et al. 2017)."""
    half = NUM_FEATURES // 2
    frequencies = np.exp(-np.log(_LONGEST) * np.arange(half) / half).astype(np.float32)
    angles = tf.cast(steps, tf.float32)[:, None] * frequencies
    return tf.concat([tf.sin(angles), tf.cos(angles)], axis=1)


def make_u_net(image_shape, filters, num_blocks):
    """Returns a Keras model from images and features of steps to images.

    Residual blocks with group normalisation at each scale, down and up again, without attention.

    Args:
        image_shape: (height, width, channels), the sides divisible by 2 for each but one of
            `filters`.
        filters: Channels at each scale.
        num_blocks: Residual blocks at each scale, on either side.
    """
    image, features = keras.Input(image_shape), keras.Input((NUM_FEATURES,))
    told = keras.layers.Dense(4 * filters[0], activation="swish")(features)
    hidden = keras.layers.Conv2D(filters[0], 3, padding="same")(image)
    passed = []
    for scale, channels in enumerate(filters):
        if scale:
            hidden = keras.layers.Conv2D(channels, 3, 2, padding="same")(hidden)
        for _ in range(num_blocks):
            hidden = _residual_block(hidden, told, channels)
        passed.append(hidden)
    for channels in reversed(filters):
        skipped = passed.pop()
        if hidden.shape[1] != skipped.shape[1]:
            hidden = keras.layers.UpSampling2D()(hidden)
            hidden = keras.layers.Conv2D(channels, 3, padding="same")(hidden)
        hidden = keras.layers.Concatenate()([hidden, skipped])
        for _ in range(num_blocks):
            hidden = _residual_block(hidden, told, channels)
    hidden = keras.layers.Activation("swish")(_normalised(hidden))
    # At first all noise is said to be 0, whose error is 1.
    last = keras.layers.Conv2D(
        image_shape[-1], 3, padding="same", kernel_initializer="zeros", dtype="float32"
    )
    return keras.Model([image, features], last(hidden), name="u_net")


def _residual_block(inputs, told, channels):
    hidden = keras.layers.Activation("swish")(_normalised(inputs))
    hidden = keras.layers.Conv2D(channels, 3, padding="same")(hidden)
    shift = keras.layers.Reshape((1, 1, channels))(keras.layers.Dense(channels)(told))
    hidden = keras.layers.Activation("swish")(_normalised(keras.layers.Add()([hidden, shift])))
    hidden = keras.layers.Conv2D(channels, 3, padding="same")(hidden)
    if inputs.shape[-1] != channels:
        inputs = keras.layers.Conv2D(channels, 1)(inputs)
    return keras.layers.Add()([inputs, hidden])


def _normalised(hidden):
    channels = hidden.shape[-1]
    groups = int(np.gcd(_GROUPS, channels))
    if groups == channels:  # Of one channel each, which would lose what the step adds to it.
        groups = max(1, groups // 2)
    return keras.layers.GroupNormalization(groups=groups)(hidden)
