"""What every trained model of the zoo shares: checks around `fit`, and logs for many workers."""

import keras
import numpy as np
import tensorflow as tf

from zoo import random
from zoo.base import inputs
from zoo.base.stop_if_not_finite import StopIfNotFinite

__all__ = ["CheckedModel"]


class CheckedModel(keras.Model):
    """A Keras model, built by its constructor, whose `fit` says clearly what it cannot use."""

    def own_callbacks(self):
        """Returns the callbacks that `fit` adds after the user's."""
        return []

    def fit(self, x=None, *args, **kwargs):
        """Trains as `keras.Model.fit` does, on a batch as `zoo.base.inputs.unpack` reads it.

        Raises:
            ValueError: Bad images or labels, or a loss or weights that are not finite.
        """
        if not isinstance(kwargs.get("callbacks"), keras.callbacks.CallbackList):
            callbacks = list(keras.tree.flatten(kwargs.get("callbacks") or []))
            # First the check, before any callback of the user's saves that state.
            kwargs["callbacks"] = [StopIfNotFinite(), *callbacks, *self.own_callbacks()]
        if isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)  # Keras warns of its own default otherwise.
        with inputs.plain_errors():
            return super().fit(x, *args, **kwargs)

    def evaluate(self, *args, **kwargs):
        """Evaluates as `keras.Model.evaluate` does; the same call gives the same."""
        with inputs.plain_errors():
            return super().evaluate(*args, **kwargs)

    def reconstruct_in_batches(self, images, batch_size, seed, **given):
        """Returns `reconstruct` of many images, a NumPy array; row i has the noise of (a, b + i).

        Args:
            images: An array `[N, H, W, C]`.
            batch_size: Images a batch; it does not change the result.
            seed: An int or int32 `[2]`, (a, b).
            **given: Further arrays of N rows that `reconstruct` takes, such as `context`.
        """
        parts = []
        for start in range(0, len(images), batch_size):
            rows = slice(start, start + batch_size)
            part_seed = random.as_seed(seed) + tf.constant([0, start])
            part = {name: values[rows] for name, values in given.items()}
            parts.append(self.reconstruct(images[rows], seed=part_seed, **part).numpy())
        return np.concatenate(parts)

    def scale_loss(self, loss):
        """Scales a mean over this replica's examples to what the optimiser's step differentiates.

        Keras's optimisers sum gradients over replicas, and may scale losses for float16.
        """
        return self.optimizer.scale_loss(loss / self.distribute_strategy.num_replicas_in_sync)

    def current_logs(self):
        """Returns the metrics as a training or test step returns them."""
        logs = self.get_metrics_result()
        if isinstance(self.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy):
            # There Keras averages logs along their first axis, which a scalar does not have.
            logs = {name: tf.reshape(value, [1]) for name, value in logs.items()}
        return logs

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Under a strategy Keras averages a batch over the replicas to build the model with, which
        # fails for a dict under several workers. Ours is built, and so is its optimiser.
        pass
