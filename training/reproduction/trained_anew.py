"""Small models that a target trains itself: one graph for many trainings."""

import keras
import numpy as np
import tensorflow as tf

import zoo
from training import datasets

__all__ = ["TrainedAnew", "load_digits"]

_BATCH_SIZE = 64
_LEARNING_RATE = 2e-3  # Of Adam, from which it falls to a hundredth along a cosine.


def load_digits(scale):
    """Returns MNIST; of the smoke scale scikit-learn's digits at 8x8."""
    return datasets.load("digits", image_size=8) if scale == "smoke" else datasets.load("mnist")


class TrainedAnew:
    """A model that begins anew with each training by the ELBO; its graphs are traced once.

    Args:
        make: A function without arguments that makes it.

    Attributes:
        model: The model, as it was trained last.
    """

    def __init__(self, make):
        self._make, self._steps = make, None
        self.model = self._make_of_seed(0)
        self._first_weights = {0: self.model.get_weights()}

    def _make_of_seed(self, seed):
        keras.utils.set_random_seed(seed)
        return self._make()

    def fit(self, images, steps, seed=0):
        """Trains from the weights of the seed; returns the model.

        Args:
            images: `[N, H, W, C]`, uint8.
            steps: Steps, each on 64 of them.
            seed: Of weights and batches; the noise is always the same.
        """
        if steps != self._steps:
            rate = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps, 0.01)
            self.model.compile(keras.optimizers.Adam(rate), objective=zoo.ELBO())
            self._steps = steps
        if seed not in self._first_weights:
            self._first_weights[seed] = self._make_of_seed(seed).get_weights()
        self.model.set_weights(self._first_weights[seed])
        for variable in self.model.optimizer.variables:
            variable.assign(np.zeros(variable.shape))
        batches = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images), seed=seed)
        batches = batches.repeat().batch(_BATCH_SIZE, drop_remainder=True).take(steps)
        self.model.fit(batches, epochs=1, verbose=0)
        return self.model
