"""The decoder that is trained in three ways."""

import numpy as np

from training.reproduction.exact_models import Decoder


def test_a_vae_starts_from_the_same_weights_in_every_process():
    first, second = (Decoder((2,), 1, 1)._first_weights for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
