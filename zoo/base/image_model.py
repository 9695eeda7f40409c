"""The base of every model of images that the zoo trains: compile, the training step, saving."""

import keras
import numpy as np
import tensorflow as tf

from zoo import random, serving
from zoo.base import inputs, precision
from zoo.base.stop_if_not_finite import StopIfNotFinite
from zoo.configured import Configured, argument_names

__all__ = ["ImageModel"]

_TRAIN, _TEST = 0, 1  # Tags that keep the noise of training and of evaluation apart.
_OWN_LOSS = ("loss", "loss_weights", "metrics", "weighted_metrics")


class ImageModel(Configured, keras.Model):
    """A Keras model, built by its constructor, whose `fit` says clearly what it cannot use.

    A subclass stores each constructor argument as an attribute of the same name, and defines what
    is its own of a step:

    - `_measure(images, context, labels, seed, training)` -> the terms of the loss, a dict of float
      tensors, and anything else that the other methods are to know;
    - `_loss(terms, training)` -> the scalar to minimise, averaged over this replica's examples;
    - `_make_trackers()` -> its Keras metrics, a dict by name, and `_track(terms, measured)`, which
      updates them;
    - `_after_step(terms, measured)`, if there is state that moves without a gradient.

    Attributes:
        context_shape: Shape of the context images of a conditional model, else None.
    """

    keras_arguments = ("name", "dtype")
    context_shape = None
    _loss_name = "its own"

    # === What a subclass defines ===

    def _measure(self, images, context, labels, seed, training):
        """Measures a batch with the noise of the seed, int32 `[2]`."""
        raise NotImplementedError

    def _loss(self, terms, training):
        """Returns the scalar to minimise."""
        raise NotImplementedError

    def _after_step(self, terms, measured):
        """Moves state that no gradient moves, after the weights; in training only."""

    def _make_trackers(self):
        """Returns the Keras metrics beside the loss, a dict by name."""
        raise NotImplementedError

    def _track(self, terms, measured):
        """Updates the trackers with a step; returns its number of examples."""
        raise NotImplementedError

    def _make_signatures(self):
        """Returns what is served, if not the signatures of a `zoo.LatentImageModel`."""
        return

    def own_callbacks(self):
        """Returns the callbacks that `fit` adds after the user's."""
        return []

    # === Compile ===

    def compile(self, optimizer="adam", seed=0, **kwargs):
        """Prepares the model for `fit`; may be called any number of times.

        Args:
            optimizer: A Keras optimiser or its name.
            seed: An int or two ints; with the number of the step it fixes all of `fit`'s noise.
            **kwargs: As in `keras.Model.compile`: `run_eagerly`, `steps_per_execution`,
                `auto_scale_loss`, and `jit_compile`, here False by default: XLA has no assertions,
                so with it bad values are found at the end of the epoch only.

        Raises:
            ValueError: A loss or metrics are given: the model has its own.
        """
        optimizer = self._check_compile_arguments(optimizer, kwargs)
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=optimizer, **kwargs)
        with self.distribute_strategy.scope():
            state = {
                "_trackers": self._make_trackers(),
                "_test_step_count": keras.Variable(
                    0, dtype="int32", trainable=False, aggregation="only_first_replica"
                ),
                "_noise_seed": random.as_seed(seed),
            }
            # So that saved weights, the optimiser's too, can be loaded before the first step.
            self.optimizer.build(self.trainable_variables)
        self._set_past_tracker(**state)

    def _check_compile_arguments(self, optimizer, kwargs):
        """Refuses what the model has of its own; returns the optimiser."""
        refused = sorted(set(kwargs) & {*_OWN_LOSS, "objective"})
        if refused:
            raise ValueError(
                f"The loss of a {type(self).__name__} is {self._loss_name}, and it has metrics of "
                f"its own: leave out {refused}."
            )
        return keras.optimizers.get(optimizer)

    def _set_past_tracker(self, **state):
        """Sets attributes past Keras's tracker, which is locked once a model is built.

        Saving walks the attributes, so what of them holds state is saved all the same.
        """
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def get_compile_config(self):
        """Returns the arguments of `compile`, or None before it."""
        if not hasattr(self, "_trackers"):
            return None
        config = super().get_compile_config() or {}
        config = {name: value for name, value in config.items() if name not in _OWN_LOSS}
        config["optimizer"] = keras.saving.serialize_keras_object(self.optimizer)
        return config | {"seed": [int(word) for word in self._noise_seed]}

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` says."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    @property
    def metrics(self):
        """The logged Keras metrics: the loss and the model's own."""
        trackers = getattr(self, "_trackers", None)
        return super().metrics if trackers is None else [self._loss_tracker, *trackers.values()]

    def reset_metrics(self):
        """Resets the metrics and the noise of evaluation, so that `evaluate` repeats itself."""
        super().reset_metrics()
        if hasattr(self, "_test_step_count"):
            self._test_step_count.assign(0)

    # === Steps ===

    def train_step(self, data):
        """Does one step on a batch; returns the logs.

        The losses that layers have of their own, such as regularisers, are added to `_loss`.
        """
        step = self._train_step_count()
        with tf.GradientTape() as tape:
            terms, measured = self._measure_batch(data, _TRAIN, step)
            check = inputs.assert_finite(terms, step)
            with tf.control_dependencies([check]):
                loss = self._loss(terms, training=True) + sum(self.losses)
            # Keras's optimisers sum gradients over replicas, and may scale losses for float16.
            mean_loss = loss / self.distribute_strategy.num_replicas_in_sync
            scaled_loss = self.optimizer.scale_loss(mean_loss)
        weights = self.trainable_weights
        gradients = tape.gradient(scaled_loss, weights)
        # In a graph gradients do not wait for the loss: without this a failed step would move.
        with tf.control_dependencies([check]):
            self.optimizer.apply(gradients, weights)
            self._share_statistics()
            self._after_step(terms, measured)
            return self._log(terms, measured, loss)

    def test_step(self, data):
        """Measures a batch as `train_step` would, and changes nothing."""
        step = tf.convert_to_tensor(self._test_step_count)
        terms, measured = self._measure_batch(data, _TEST, step)
        self._test_step_count.assign(step + 1)
        loss = self._loss(terms, training=False) + sum(self.losses)
        return self._log(terms, measured, loss)

    def _share_statistics(self):
        """Averages over the replicas what their layers keep apart, such as moving averages."""
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync == 1:
            return
        for weight in self.non_trainable_weights:
            if weight.aggregation == "none" and tf.as_dtype(weight.dtype).is_floating:
                value = tf.convert_to_tensor(weight)
                weight.assign(context.all_reduce(tf.distribute.ReduceOp.MEAN, value))

    def _train_step_count(self):
        """Counts the batches trained on, those too whose gradients are only accumulated.

        Not `iterations`, which counts updates: batches between two of them would share their noise.
        """
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        return tf.cast(tf.convert_to_tensor(optimizer._iterations), tf.int32)

    def _measure_batch(self, data, purpose, step):
        self._clear_losses()  # Of another step's graph, as Keras does where a model is called.
        images, context, labels = inputs.unpack(data)
        seed = random.derive(random.derive(self._noise_seed, purpose), step)
        num_rows = images.shape[0] or tf.shape(images)[0]
        with tf.control_dependencies(inputs.assert_equal_rows(num_rows)):
            return self._measure(images, context, labels, seed, training=purpose == _TRAIN)

    def _log(self, terms, measured, loss):
        self._loss_tracker.update_state(loss, sample_weight=self._track(terms, measured))
        logs = self.get_metrics_result()
        if isinstance(self.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy):
            # There Keras averages logs along their first axis, which a scalar does not have.
            logs = {name: tf.reshape(value, [1]) for name, value in logs.items()}
        return logs

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Under a strategy Keras averages a batch over the replicas to build the model with, which
        # fails for a dict under several workers. Ours is built, and so is its optimiser.
        pass

    # === Fit ===

    def fit(self, x=None, *args, **kwargs):
        """Trains as `keras.Model.fit` does, on a batch as `zoo.base.inputs.unpack` reads it.

        Raises:
            ValueError: Bad images or labels, a loss or weights that are not finite (no weight was
                changed by that step), or `sample_weight`.
        """
        if kwargs.get("sample_weight") is not None or kwargs.get("class_weight") is not None:
            raise ValueError(
                "sample_weight and class_weight are not supported: a weighted mean has no meaning "
                "for GECO's constraints. Repeat or drop examples in the data instead."
            )
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

    # === Saving ===

    def export(self, filepath, format="tf_saved_model", metadata=None):
        """Writes a SavedModel for TensorFlow Serving and `zoo.load`, exactly at `filepath`.

        See `zoo.serving.export` for what it holds and `zoo.serving.signatures` for what it answers.

        Args:
            filepath: A local folder that does not exist yet; a server wants a number, `model/1`.
            format: `"tf_saved_model"`, the only one of Keras's formats that can hold them.
            metadata: A dict that JSON can hold, kept beside the model.

        Raises:
            FileExistsError: There is something at `filepath`.
            ValueError: Another format.
            RuntimeError: The written model does not answer as this one does. After any error
                nothing is left behind.
        """
        self._export(filepath, format, metadata)

    def _export(self, filepath, format, metadata, log_prob_samples=None):
        if format != "tf_saved_model":
            raise ValueError(
                "A zoo model exports as 'tf_saved_model', the format that holds all its "
                f"signatures. Received: format={format!r}"
            )
        serving.export(self, filepath, log_prob_samples, metadata, self._make_signatures())

    @classmethod
    def saved_arguments(cls):
        """Returns the arguments that the architecture itself names: others it may set for good."""
        return argument_names(cls)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes a model from `get_config`; its weights are fresh."""
        policy = keras.saving.deserialize_keras_object(config.get("dtype"))
        with precision.global_policy(policy):
            return super().from_config(config, custom_objects)
