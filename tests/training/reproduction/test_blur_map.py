import numpy as np

from training.reproduction.targets.blur_map import posterior_variance


def test_posterior_variance_is_that_of_the_weighted_images():
    generator = np.random.default_rng(0)
    images = generator.random((5, 3))
    weights = generator.random((2, 5))
    weights /= weights.sum(axis=1, keepdims=True)
    # Any factor of q(z|x_n) that is the same for all n cancels.
    found = posterior_variance(np.log(weights) + 3.0, images)
    for row, variance in zip(weights, found, strict=True):
        mean = row @ images
        expected = sum(w * ((x - mean) ** 2).sum() for w, x in zip(row, images, strict=True))
        np.testing.assert_allclose(variance, expected)
