"""Continuous pixels, for a likelihood that is a density."""

import zlib

import numpy as np
import tensorflow as tf


def dequantize(images: tf.Tensor, seed: int, split: str, batch: tf.Tensor) -> tf.Tensor:
    """Spreads each of the 256 levels over its cell: (value + u) / 256 with u uniform in [0, 1).

    The mean of log p over u, less D·log 256, is a lower bound on the log-probability of the
    256-level image (Theis et al. 2016). `floor(256 · result)` gives the levels back.

    Args:
        images: uint8 `[B, H, W, C]`.
        seed: Of the noise, together with:
        split: The split's name, and
        batch: The number of the batch, an integer scalar.

    Returns:
        float32 `[B, H, W, C]` in [0, 1].
    """
    noise_seed = split_seed(seed, split, batch)
    noise = tf.random.stateless_uniform(tf.shape(images), noise_seed, alg="philox")
    # The largest sum below 256 rounds to 256: 1.0 would be the level after the last.
    below_one = np.float32(1.0) - np.finfo(np.float32).epsneg
    return tf.minimum((tf.cast(images, tf.float32) + noise) / 256.0, below_one)


def split_seed(seed: int, split: str, index: tf.Tensor) -> tf.Tensor:
    """A seed, int32[2], of its own for each example or batch of each split."""
    pair = np.array([seed & 0xFFFFFFFF, zlib.crc32(split.encode())], np.int64).astype(np.int32)
    return tf.random.experimental.stateless_fold_in(pair, index, alg="philox")
