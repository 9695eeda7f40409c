"""A callback that brings an objective's state back together with the weights it belongs to."""

import keras

__all__ = ["RestoreWithWeights", "restores_weights"]


def restores_weights(callback):
    """Whether a callback restores the best weights, as `keras.callbacks.EarlyStopping` may."""
    return getattr(callback, "restore_best_weights", False) and hasattr(callback, "best_weights")


class RestoreWithWeights(keras.callbacks.Callback):
    """Restores an objective's state where another callback restores the model's best weights.

    That one knows `model.get_weights()` alone, which does not have multipliers: weights of one
    epoch would go on under those of another. `fit` puts this one after it.

    Args:
        other: The callback, with `best_weights`, None or a list that is another for each new best.
        objective: A `zoo.objectives.Objective`.
    """

    def __init__(self, other, objective):
        super().__init__()
        self._other = other
        self._objective = objective
        self._weights = self._values = None

    def on_epoch_end(self, epoch, logs=None):
        """Keeps the objective's state if the other callback has just kept the weights."""
        if self._other.best_weights is not self._weights:
            self._weights = self._other.best_weights
            self._values = [keras.ops.convert_to_numpy(v).copy() for v in self._objective.weights]

    def on_train_end(self, logs=None):
        """Restores the objective's state of the epoch whose weights were restored."""
        if self._values is not None and self._weights is self._other.best_weights:
            for variable, value in zip(self._objective.weights, self._values, strict=True):
                variable.assign(value)
