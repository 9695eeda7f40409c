"""The base of every model of images that the zoo trains: compile, the training step, saving."""

import keras
import tensorflow as tf

from zoo import random, serving
from zoo.base import inputs, precision
from zoo.base.arguments import Arguments
from zoo.base.entrances import Entrances
from zoo.base.frozen import freeze, frozen_layers
from zoo.base.seed_states import SeedStates
from zoo.base.step_count import StepCount
from zoo.configured import Configured, argument_names
from zoo.fused_adam import fuse

__all__ = ["ImageModel"]

_TRAIN, _TEST = 0, 1  # Tags that keep the noise of training and of evaluation apart.
_OWN_LOSS = ("loss", "loss_weights", "metrics", "weighted_metrics")


class ImageModel(Configured, Arguments, Entrances, keras.Model):
    """A Keras model, built by its constructor, whose `fit` says clearly what it cannot use.

    A subclass stores each constructor argument as an attribute of the same name, and defines what
    is its own of a step:

    - `_measure(images, context, labels, seed, training)` -> the terms of the loss, a dict of float
      tensors, and anything else that the other methods are to know;
    - `_loss(terms, training)` -> the scalar to minimise, averaged over this replica's examples;
    - `_make_trackers()` -> its Keras metrics, a dict by name, and `_track(terms, measured)`, which
      updates them;
    - `_predict(images, context, seed)`, for `zoo.base.entrances`;
    - `_after_step(terms, measured)`, if there is state that moves without a gradient.

    Attributes:
        context_shape: Shape of the context images of a conditional model, else None.
    """

    keras_arguments = ("name", "dtype")
    _loss_name = "its own"

    # === What a subclass defines ===

    def _measure(self, images, context, labels, seed, training):
        """Measures a batch with the noise of the seed, int32 `[2]`; a `mask` comes by its name."""
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

    def own_callbacks(self, callbacks):
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

        Example:
            >>> model.compile(keras.optimizers.Adam(1e-3), seed=1, steps_per_execution=10)
        """
        optimizer = self._check_compile_arguments(optimizer, kwargs)
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=optimizer, **kwargs)
        with self.distribute_strategy.scope():
            state = {
                "_trackers": self._make_trackers(),
                "_step_count": StepCount(),
                "_seed_states": SeedStates(self),
                "_test_step_count": keras.Variable(
                    0, dtype="int32", trainable=False, aggregation="only_first_replica"
                ),
                "_noise_seed": random.as_seed(seed),
            }
            # So that saved weights, the optimiser's too, can be loaded before the first step.
            self.optimizer.build(self.trainable_variables)
        fuse(self.optimizer)
        self._set_past_tracker(**state, _frozen_in_optimizer=frozen_layers(self))

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
        config["frozen_in_optimizer"] = self._frozen_in_optimizer
        return config | {"seed": [int(word) for word in self._noise_seed]}

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` says."""
        config = keras.saving.deserialize_keras_object(config)
        frozen = frozen_layers(self)
        # The optimiser has state for what was to be trained when it was made.
        freeze(self, config.pop("frozen_in_optimizer", frozen))
        self.compile(**config)
        freeze(self, frozen)

    @property
    def metrics(self):
        """The logged Keras metrics: the loss, the model's own, and those that a subclass tracks."""
        trackers = getattr(self, "_trackers", None)
        if trackers is None:
            return super().metrics
        loss, *others = super().metrics
        return [loss, *trackers.values(), *others]

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
        step = self._step_count.current(self.optimizer)
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
            self._step_count.advance(step)
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

    def _measure_batch(self, data, purpose, step):
        self._clear_losses()  # Of another step's graph, as Keras does where a model is called.
        images, context, labels = inputs.unpack(data)
        images = inputs.check_images(images, self.image_shape)
        seed = random.derive(random.derive(self._noise_seed, purpose), step)
        num_rows = images.shape[0] or tf.shape(images)[0]
        with tf.control_dependencies(inputs.assert_equal_rows(num_rows)):
            given = self._masked_with(data)
            return self._measure(images, context, labels, seed, purpose == _TRAIN, **given)

    def _log(self, terms, measured, loss):
        self._loss_tracker.update_state(loss, sample_weight=self._track(terms, measured))
        logs = self.get_metrics_result()
        if isinstance(self.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy):
            # There Keras averages logs along their first axis, which a scalar does not have.
            logs = {name: tf.reshape(value, [1]) for name, value in logs.items()}
        return logs

    def make_train_function(self, force=False):
        """Makes what `fit` runs, anew where layers were frozen or unfrozen since the last time.

        Raises:
            ValueError: Layers were frozen when the model was compiled, and no longer are.
        """
        known = {id(weight) for weight in self.optimizer._trainable_variables}
        unknown = [w.path for w in self.trainable_weights if id(w) not in known]
        if unknown:
            raise ValueError(
                "These weights were frozen when the model was compiled, so its optimiser has no "
                f"state for them: {', '.join(unknown[:5])}. Compile again; objective="
                "model.objective keeps the objective's state."
            )
        frozen = frozen_layers(self)
        is_other = frozen != getattr(self, "_frozen_in_step", frozen)
        self._set_past_tracker(_frozen_in_step=frozen)
        return super().make_train_function(force or is_other)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Under a strategy Keras averages a batch over the replicas to build the model with, which
        # fails for a dict under several workers. Ours is built, and so is its optimiser.
        pass

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

        Example:
            >>> model.export("my_model/1", metadata={"trained_on": "mnist"})
            >>> model = zoo.load("my_model/1")
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

    def get_config(self):
        """Returns the constructor's arguments, and which layers are frozen."""
        return super().get_config() | {"frozen_layers": frozen_layers(self)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes a model from `get_config`; its weights are fresh."""
        arguments = dict(config)
        frozen = arguments.pop("frozen_layers", None)  # Older files do not have it.
        policy = keras.saving.deserialize_keras_object(arguments.get("dtype"))
        with precision.global_policy(policy):
            model = super().from_config(arguments, custom_objects)
        if frozen is not None:
            freeze(model, frozen)
        return model
