"""Records of fabricated reconstructions, and what every constraint's test needs."""

import types

import numpy as np
import pytest
import tensorflow as tf

import zoo


def make_record(images, reconstruction, labels=None):
    """A `zoo.Record` of images and the means of their likelihood; the rest is missing."""
    likelihood = types.SimpleNamespace(mean=lambda: reconstruction)
    nothing = dict.fromkeys(("latents", "rate", "log_posterior", "log_prior"))
    return zoo.Record(**nothing, likelihood=likelihood, images=tf.constant(images), labels=labels)


def assert_gradient(constraint, images, reconstruction, labels=None, step=2e-3, tolerance=2e-3):
    """The gradient of the mean value agrees with central differences along random directions."""
    variable = tf.constant(reconstruction)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = tf.reduce_mean(constraint.values(make_record(images, variable, labels)))
    gradient = np.float64(tape.gradient(value, variable))
    assert np.isfinite(gradient).all()
    rng = np.random.default_rng(5)
    # Along the gradient, where the slope stands out of the rounding, and two random mixtures.
    unit = gradient / np.abs(gradient).max()
    for direction in (unit, *(unit * rng.normal(size=unit.shape) for _ in range(2))):
        ends = [
            np.mean(np.float64(constraint.values(make_record(images, np.float32(g), labels))))
            for g in (reconstruction + step * direction, reconstruction - step * direction)
        ]
        slope = (ends[0] - ends[1]) / (2 * step)
        expected = (gradient * direction).sum()
        assert slope == pytest.approx(expected, abs=tolerance * np.abs(gradient * direction).sum())


@pytest.fixture
def pairs():
    """Images and noisy reconstructions of them, both float32 `[5, 12, 16, 3]`."""
    rng = np.random.default_rng(2)
    images = rng.uniform(size=(5, 12, 16, 3))
    reconstruction = 0.6 * images + 0.4 * rng.uniform(size=images.shape)
    return images.astype(np.float32), reconstruction.astype(np.float32)
