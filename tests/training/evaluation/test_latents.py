"""Latents of images: the lines between them."""

import numpy as np
import pytest

import zoo
from training.evaluation.latents import interpolations


@pytest.mark.usefixtures("uncompiled")
def test_lines_between_images_end_at_their_reconstructions(images):
    model = zoo.ConvVAE(images.shape[1:], latent_dim=2, filters=(2,), hidden_units=3)
    lines = interpolations(model, images[:4:2], images[1:4:2], num=5)
    assert lines.shape == (2, 5, *images.shape[1:])
    expected = np.asarray(model.reconstruct(images[:4]))
    np.testing.assert_allclose(lines[:, [0, 4]].reshape(expected.shape), expected, atol=1e-6)
    latents = [z[:2].mean(axis=0, keepdims=True) for z in map(np.asarray, model.encode(images[:4]))]
    middle = np.asarray(model.decode(tuple(latents)).mean())
    np.testing.assert_allclose(lines[:1, 2], middle, atol=1e-6)
