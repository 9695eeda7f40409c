"""What every divergence is: a value for each example, whose mean is D(q(z) ‖ p(z))."""

import keras
import numpy as np
import tensorflow as tf

from zoo.configured import Configured

__all__ = ["Divergence", "flatten_latents", "gather_rows"]


class Divergence(Configured, keras.layers.Layer):
    """Measures how far q(z), one sample of it a data point, is from the prior p(z).

    A subclass defines `terms`, by which `zoo.InfoVAE` trains, and `call`, by which anyone may
    compare samples `[N, d]`. A hierarchy's groups of latents count as one vector `[d]`.

    Example:
        >>> @keras.saving.register_keras_serializable("mine")
        ... class MeanGap(zoo.divergences.Divergence):  # ||E_q z - E_p z||^2, on one replica
        ...     def terms(self, model, record, noise):
        ...         differences = record.latents[0] - self.draw_prior(model, record, noise)
        ...         gap = tf.reduce_mean(differences, axis=0)
        ...         return {"divergence": tf.linalg.matvec(differences, gap)}
        >>> model.compile("adam", objective=zoo.InfoVAE(divergence=MeanGap()))
    """

    def __init__(self, name=None, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(name=name, **kwargs)
        self.built = True  # State is made by `attach`, where the model's strategy can see it.

    def check(self, model):
        """Raises ValueError if the divergence is undefined for the model."""
        self._try(model, "_generate", "samples of the prior", model.sample_prior)

    def _try(self, model, method, needs, ask):
        """Asks the model for one row; says what is missing where it has no such method."""
        context = model.context_shape and tf.zeros([1, *model.context_shape])
        try:
            return ask(1, seed=0, context=context)
        except NotImplementedError:
            raise ValueError(
                f"{type(self).__name__} needs {needs}, but {type(model).__name__} defines no "
                f"`{method}`. Define it, or choose another divergence."
            ) from None

    def attach(self, model):
        """Creates what state there is, inside the strategy scope of the model."""

    def terms(self, model, record, noise):
        """Returns terms of a step, a dict of float32 tensors with one row an example.

        `divergence`, `[B]`, has D as its mean over all replicas' rows, and as the gradient of that
        mean the gradient by which D is to be minimised.

        Args:
            model: A `zoo.LatentImageModel`.
            record: What the model said about this replica's batch.
            noise: Noise of `zoo.random` that nothing else uses.
        """
        raise NotImplementedError

    def after_step(self, terms):
        """Moves state that has an optimiser of its own; called once a training step."""

    def draw_prior(self, model, record, noise):
        """Draws one z ~ p(z) for each example of the record, float32 `[B, d]`."""
        latents, _ = model.generate(noise, tf.ones_like(record.rate), record.context)
        return flatten_latents(latents)


def flatten_latents(latents):
    """Lays a tuple of latents `[B, ...]` side by side, float32 `[B, d]`."""
    sizes = [int(np.prod(group.shape[1:])) for group in latents]
    rows = [tf.reshape(group, [-1, size]) for group, size in zip(latents, sizes, strict=True)]
    return tf.cast(tf.concat(rows, axis=1), tf.float32)


def gather_rows(rows):
    """Returns the rows of all replicas, `[N, d]`; gradients go back to the replica they came from.

    A divergence that is not linear in the examples must be that of the global batch: the mean of
    the replicas' own would be larger.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return rows
    # A gather forgets the static number of latents.
    return tf.ensure_shape(context.all_gather(rows, axis=0), [None, rows.shape[1]])
