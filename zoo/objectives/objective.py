"""What every objective is: named terms of a record, weighted and averaged into one scalar."""

import weakref

import keras
import numpy as np
import tensorflow as tf

from zoo.configured import Configured

__all__ = ["Objective"]


class Objective(Configured, keras.layers.Layer):
    """Turns a model's per-example terms into the scalar that a training step minimises.

    `model.compile(optimizer, objective=...)` attaches it: `check` refuses what is undefined
    together, then `attach` makes its state inside the model's strategy scope. A step then calls
    `terms`, stops if any is not finite, and calls `loss`, which may move the objective's state.
    A subclass defines `loss`, and what else it needs. State is float32 whatever the policy.

    Attributes:
        is_regularised: Whether the rate has a price, so that samples of the prior mean something.
        tolerance_range: (least, most) tolerances that it trains a model for, which must be that of
            the model; None of an objective for models without.
        starting_arguments: The arguments that a recipe starts from when the command line names the
            objective (`--objective`), as in `zoo.registry.build`.

    Example:
        >>> @keras.saving.register_keras_serializable("mine")
        ... class FreeNats(zoo.objectives.Objective):
        ...     def __init__(self, nats, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.nats = nats
        ...     def loss(self, terms, training):
        ...         rate = tf.maximum(terms["rate"], self.nats)
        ...         return tf.reduce_mean(terms["distortion"] + rate)
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=FreeNats(8.0))
    """

    is_regularised = True
    tolerance_range = None
    starting_arguments = {}

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self._owner = None

    def check(self, model, optimizer):
        """Raises ValueError if the objective is undefined with the model or the optimiser."""

    def attach(self, model):
        """Makes the objective the model's own; a subclass with state creates it here.

        Raises:
            ValueError: The objective holds the state of another model's training.
        """
        owner = self._owner and self._owner()
        if self._owner is not None and owner is not model:
            raise ValueError(
                f"This {type(self).__name__} already belongs to another model, whose training "
                f"state it holds. Make a new one for {model.name!r}."
            )
        object.__setattr__(self, "_owner", weakref.ref(model))
        self.built = True

    def owner(self):
        """Returns the model that the objective is attached to.

        A method, since Keras's loading walks properties, and would go round in circles.
        """
        return self._owner()

    def add_state(self, name, value):
        """Creates a float32 variable that training moves, equal on all replicas, for `attach`."""
        value = np.asarray(value, np.float32)
        return self.add_weight(
            name=name,
            shape=value.shape,
            initializer=lambda shape, dtype: tf.constant(value, dtype),
            trainable=False,
            autocast=False,
            aggregation="mean",
        )

    def terms(self, model, record, noise=None):
        """Returns what `loss` averages, a dict of float32 `[B]` or `[B, ...]` in its own unit.

        Args:
            model: The model that is trained.
            record: What the model said about this replica's batch.
            noise: Noise of `zoo.random`, unrelated to that of the record, as `fit` passes it.
        """
        return {"rate": record.rate, "distortion": record.distortion}

    def loss(self, terms, training):
        """Returns the scalar to minimise, averaged over this replica's examples.

        Args:
            terms: What `terms` gave.
            training: Whether this is a training step; only then may state move.
        """
        raise NotImplementedError

    def after_step(self, terms):
        """Moves state that has an optimiser of its own, after the model's weights have moved.

        Called in training only. Gradients of the terms are gone by then.
        """

    def track(self, terms):
        """Updates the objective's own `trackers` (Keras metrics) with a step's terms."""

    @property
    def trackers(self):
        """The objective's own Keras metrics, logged by `fit` and `evaluate`."""
        return []

    @property
    def multipliers(self):
        """Current Lagrange multipliers, a dict of constraint name to float; empty if none."""
        return {}

    def callbacks(self):
        """Keras callbacks that `fit` adds by itself."""
        return []


def check_posterior(objective, model):
    """Raises ValueError for a model without a posterior that learns, as the objective needs it."""
    if not model.has_trained_posterior:
        name, kind = type(objective).__name__, type(model).__name__
        raise ValueError(
            f"{name} learns by moving q(z|x), and that of a {kind} has no weights of its own: "
            "train it by zoo.ELBO(), or choose another objective."
        )


def mean_over_replicas(value):
    """Averages over all replicas what each computed from its own rows; no gradient."""
    value = tf.stop_gradient(value)
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)
