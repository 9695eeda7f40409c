"""Training by an objective: compile, the training step, the logs, and saving their state."""

import re

import keras
import tensorflow as tf

from zoo import random
from zoo.base import inputs
from zoo.base.checked_model import CheckedModel
from zoo.objectives import ELBO, Objective
from zoo.objectives.objective import mean_over_replicas

__all__ = ["ObjectiveTrainer"]

_TRAIN, _TEST = 0, 1  # Tags that keep the noise of training and of evaluation apart.
_OF_OBJECTIVE = 0  # The tag of the noise that a step's objective draws.


class ObjectiveTrainer(CheckedModel):
    """What `zoo.LatentImageModel` is trained by: one `train_step` for every objective.

    A subclass has `infer(images, context, labels, seed, training)`, which gives a `Record`, a
    `likelihood`, and says whether it `has_mean`. The objective turns the record into terms and a
    loss, and keeps its own state.
    """

    def compile(self, optimizer="adam", objective=None, seed=0, **kwargs):
        """Prepares the model for `fit`; may be called any number of times.

        Args:
            optimizer: A Keras optimiser or its name.
            objective: A `zoo.objectives.Objective`; None means `zoo.ELBO()`.
            seed: An int or two ints; with the optimiser's step count it fixes all of `fit`'s noise.
            **kwargs: As in `keras.Model.compile`: `run_eagerly`, `steps_per_execution`,
                `auto_scale_loss`, and `jit_compile`, here False by default: XLA has no assertions,
                so with it bad values are found at the end of the epoch only.

        Raises:
            ValueError: The objective is undefined for this model or optimiser; the message names
                which.
        """
        objective = ELBO() if objective is None else objective
        if not isinstance(objective, Objective):
            raise ValueError(
                "objective must be a zoo.objectives.Objective, such as zoo.ELBO() or "
                f"zoo.GECO(...). Received: objective={objective!r}"
            )
        refused = set(kwargs) & {"loss", "loss_weights", "metrics", "weighted_metrics"}
        if refused:
            raise ValueError(
                f"A zoo model's loss is its objective: pass objective=, not {sorted(refused)}."
            )
        optimizer = keras.optimizers.get(optimizer)
        # First what may refuse, so that a model stays compiled as it was.
        objective.check(self, optimizer)
        with self.distribute_strategy.scope():
            objective.attach(self)
        # Keras would choose XLA on a GPU, which drops the assertions that name bad values.
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=optimizer, **kwargs)
        with self.distribute_strategy.scope():
            state = {
                # Past Keras's tracker, which is locked once a model is built; saving walks the
                # attributes, so the objective is saved and restored all the same.
                "_objective": objective,
                "_trackers": _make_trackers(self.has_mean),
                "_test_step_count": keras.Variable(
                    0, dtype="int32", trainable=False, aggregation="only_first_replica"
                ),
                "_noise_seed": random.as_seed(seed),
            }
            # So that saved weights, the optimiser's too, can be loaded before the first step.
            self.optimizer.build(self.trainable_variables)
        for name, value in state.items():
            object.__setattr__(self, name, value)

    @property
    def objective(self):
        """The objective that the model was compiled with, or None."""
        return getattr(self, "_objective", None)

    @property
    def metrics(self):
        """The logged Keras metrics: the loss, the model's own and the objective's."""
        if self.objective is None:
            return super().metrics
        return [self._loss_tracker, *self._trackers.values(), *self.objective.trackers]

    def reset_metrics(self):
        """Resets the metrics and the noise of evaluation, so that `evaluate` repeats itself."""
        super().reset_metrics()
        if self.objective is not None:
            self._test_step_count.assign(0)

    def train_step(self, data):
        """Does one step of the objective on a batch; returns the logs."""
        step = tf.cast(tf.convert_to_tensor(self.optimizer.iterations), tf.int32)
        with tf.GradientTape() as tape:
            record, terms = self._measure(data, _TRAIN, step)
            check = inputs.assert_finite(terms, step)
            with tf.control_dependencies([check]):
                loss = self.objective.loss(terms, training=True)
            scaled_loss = self.scale_loss(loss)
        weights = self.trainable_weights
        gradients = tape.gradient(scaled_loss, weights)
        # In a graph gradients do not wait for the loss: without this a failed step would move.
        with tf.control_dependencies([check]):
            self.optimizer.apply(gradients, weights)
            self.objective.after_step(terms)
            if self.has_mean:
                squared_error = tf.reduce_mean(record.squared_error)
                self.likelihood.observe(mean_over_replicas(squared_error))
            return self._track(record, terms, loss)

    def test_step(self, data):
        """Measures a batch with z drawn, as `train_step` would, and changes nothing."""
        step = tf.convert_to_tensor(self._test_step_count)
        record, terms = self._measure(data, _TEST, step)
        self._test_step_count.assign(step + 1)
        return self._track(record, terms, self.objective.loss(terms, training=False))

    def _measure(self, data, purpose, step):
        images, context, labels = inputs.unpack(data)
        seed = random.derive(random.derive(self._noise_seed, purpose), step)
        num_rows = images.shape[0] or tf.shape(images)[0]
        with tf.control_dependencies(inputs.assert_equal_rows(num_rows)):
            noise = random.StepNoise(seed, num_rows)
            is_training = purpose == _TRAIN
            record = self.infer(images, context, labels, seed=noise, training=is_training)
            own_noise = random.StepNoise(random.derive(seed, _OF_OBJECTIVE), num_rows)
            return record, self.objective.terms(self, record, own_noise)

    def _track(self, record, terms, loss):
        num_rows = tf.shape(record.rate)[0]
        self._loss_tracker.update_state(loss, sample_weight=num_rows)
        self._trackers["rate"].update_state(record.rate)
        self._trackers["distortion"].update_state(record.distortion)
        if self.has_mean:
            self._trackers["rmse"].update_state(record.images, record.reconstruction)
        self.objective.track(terms)
        return self.current_logs()

    def own_callbacks(self):
        """Returns the callbacks of the objective."""
        return [] if self.objective is None else self.objective.callbacks()

    def fit(self, x=None, *args, **kwargs):
        """Trains as `keras.Model.fit` does, on a batch as `zoo.base.inputs.unpack` reads it.

        Raises:
            ValueError: Bad images, a term that is not finite (no weight was changed by that step),
                or `sample_weight`, which GECO's constraints cannot honour.
        """
        if kwargs.get("sample_weight") is not None or kwargs.get("class_weight") is not None:
            raise ValueError(
                "sample_weight and class_weight are not supported: a weighted mean has no meaning "
                "for GECO's constraints. Repeat or drop examples in the data instead."
            )
        return super().fit(x, *args, **kwargs)

    # === Saving ===

    def load_weights(self, filepath, **kwargs):
        """Loads what `save_weights` wrote: weights, optimiser and the objective's state.

        Raises:
            ValueError: They do not fit, or were saved under an objective without this one's state.
        """
        try:
            super().load_weights(filepath, **kwargs)
        except ValueError as error:
            parts = [] if self.objective is None else self.objective._flatten_layers()
            if not any(re.search(rf"\b{re.escape(part.name)}\b", str(error)) for part in parts):
                raise
            raise ValueError(
                f"{filepath} has no state of a {type(self.objective).__name__} like this model's: "
                "it was saved under another objective. Compile with the objective it was saved "
                "under, load, and compile again; or pass skip_mismatch=True to leave this "
                "objective's state as it is."
            ) from error

    def get_compile_config(self):
        """Returns the arguments of `compile`, the objective's too."""
        if self.objective is None:
            return None
        config = super().get_compile_config() or {}
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            config.pop(name, None)
        config["objective"] = keras.saving.serialize_keras_object(self.objective)
        config["optimizer"] = keras.saving.serialize_keras_object(self.optimizer)
        config["seed"] = [int(word) for word in self._noise_seed]
        return config

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` says."""
        deserialized = dict(config)
        for name in ("optimizer", "objective"):
            deserialized[name] = keras.saving.deserialize_keras_object(config[name])
        self.compile(**deserialized)


def _make_trackers(has_mean):
    trackers = {
        "rate": keras.metrics.Mean("rate"),
        "distortion": keras.metrics.Mean("distortion"),
    }
    if has_mean:
        trackers["rmse"] = keras.metrics.RootMeanSquaredError("rmse")
    return trackers
