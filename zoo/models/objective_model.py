"""Training by an objective: what `zoo.LatentImageModel` adds to the step of `zoo.base`."""

import keras
import tensorflow as tf

from zoo import random
from zoo.base.image_model import ImageModel
from zoo.constraints import ReconstructionError
from zoo.objectives import ELBO, GECO, Objective
from zoo.objectives.objective import mean_over_replicas
from zoo.objectives.restored_with_weights import RestoreWithWeights, restores_weights
from zoo.objectives.saved_state import holds_state_of
from zoo.objectives.tolerance_metrics import RateDistortionCurve

__all__ = ["ObjectiveModel"]

# Tags of the noise that a step's objective draws, of the tolerances, and of the prior.
_OF_OBJECTIVE, _OF_TOLERANCES, _OF_PRIOR = 0, 1, 2


class ObjectiveModel(ImageModel):
    """A model that any `zoo.objectives.Objective` trains.

    A subclass has `infer(images, context, labels, seed, training, tolerance)`, which returns a
    `Record`, a `likelihood`, and says whether it `has_mean`. The objective turns the record into
    terms and a loss, and keeps its own state.
    """

    _loss_name = "its objective, passed as objective="
    _measure_names = ()  # Of `Record.measures`.

    def compile(self, optimizer="adam", objective=None, seed=0, **kwargs):
        """Prepares the model for `fit`; may be called any number of times.

        Args:
            optimizer: A Keras optimiser or its name.
            objective: A `zoo.objectives.Objective`; None means `zoo.ELBO()`, of a model with a
                range of tolerances `zoo.GECO` with that range.
            seed: An int or two ints; with the number of the step it fixes all of `fit`'s noise.
            **kwargs: As in `zoo.base.image_model`.

        Raises:
            ValueError: The objective is undefined for this model or optimiser; the message names
                which.

        Example:
            >>> objective = zoo.GECO(zoo.constraints.ReconstructionError(tolerance=0.1))
            >>> model.compile(keras.optimizers.Adam(1e-3), objective=objective)
        """
        objective = self._default_objective() if objective is None else objective
        if not isinstance(objective, Objective):
            raise ValueError(
                "objective must be a zoo.objectives.Objective, such as zoo.ELBO() or "
                f"zoo.GECO(...). Received: objective={objective!r}"
            )
        # First what may refuse, so that a model stays compiled as it was.
        optimizer = self._check_compile_arguments(optimizer, kwargs)
        self._check_tolerance_range(objective)
        objective.check(self, optimizer)
        with self.distribute_strategy.scope():
            objective.attach(self)
        super().compile(optimizer, seed, **kwargs)
        self._set_past_tracker(_objective=objective)

    def _default_objective(self):
        if self.tolerance_range is None:
            return ELBO()
        return GECO(ReconstructionError(self.tolerance_range))

    def _check_tolerance_range(self, objective):
        if objective.tolerance_range == self.tolerance_range:
            return
        kind, own, other = type(self).__name__, self.tolerance_range, objective.tolerance_range
        if own is None:
            raise ValueError(
                f"This {kind} has no tolerance as an input, which an objective with the range of "
                f"tolerances {other} asks for: make it with tolerance_range={other}, or give the "
                "constraint one tolerance."
            )
        received = type(objective).__name__ + (f" with the range {other}" if other else "")
        raise ValueError(
            f"A {kind} with tolerance_range={own} is trained by "
            f"zoo.GECO(zoo.constraints.ReconstructionError(tolerance={own})) alone. Received: "
            f"{received}. Make the model without tolerance_range, or choose another objective."
        )

    @property
    def objective(self):
        """The objective that the model was compiled with, or None."""
        return getattr(self, "_objective", None)

    @property
    def metrics(self):
        """The logged Keras metrics: the loss, the model's own and the objective's."""
        return super().metrics + ([] if self.objective is None else self.objective.trackers)

    def own_callbacks(self, callbacks):
        """Returns those of the objective, and what keeps its state with weights restored."""
        if self.objective is None:
            return []
        restoring = filter(restores_weights, callbacks)
        restored = [RestoreWithWeights(other, self.objective) for other in restoring]
        return [*self.objective.callbacks(), *restored]

    def get_compile_config(self):
        """Returns the arguments of `compile`, the objective's too."""
        config = super().get_compile_config()
        if config is not None:
            config["objective"] = keras.saving.serialize_keras_object(self.objective)
        return config

    def _make_trackers(self):
        trackers = {name: keras.metrics.Mean(name) for name in ("rate", "distortion")}
        if self.has_mean:
            trackers["rmse"] = keras.metrics.RootMeanSquaredError("rmse")
        if self.tolerances is not None:
            trackers["curve"] = RateDistortionCurve(self.tolerances)
        return trackers | {name: keras.metrics.Mean(name) for name in self._measure_names}

    def _measure(self, images, context, labels, seed, training, **given):
        tolerances = None
        if not training:
            (images, context, labels), tolerances = self._evaluated_rows([images, context, labels])
        num_rows = images.shape[0] or tf.shape(images)[0]
        if training and self.tolerances is not None:
            own_noise = random.StepNoise(random.derive(seed, _OF_TOLERANCES), num_rows)
            tolerances = self.tolerances.trained.at(own_noise.stratified())
        noise = random.StepNoise(seed, num_rows)
        record = self.infer(
            images, context, labels, noise, training=training, tolerance=tolerances, **given
        )
        own_noise = random.StepNoise(random.derive(seed, _OF_PRIOR), num_rows)
        record = self._compare_with_prior(record, own_noise)
        own_noise = random.StepNoise(random.derive(seed, _OF_OBJECTIVE), num_rows)
        return self.objective.terms(self, record, own_noise), record

    def _compare_with_prior(self, record, noise):
        """Returns the record of a step, with what a prior that is known up to Z adds to it."""
        return record

    def _loss(self, terms, training):
        return self.objective.loss(terms, training=training)

    def _after_step(self, terms, record):
        self.objective.after_step(terms)
        if self.has_mean:
            squared_error = tf.reduce_mean(record.squared_error)
            self.likelihood.observe(mean_over_replicas(squared_error))

    def _track(self, terms, record):
        self._trackers["rate"].update_state(record.rate)
        self._trackers["distortion"].update_state(record.distortion)
        if self.has_mean:
            self._trackers["rmse"].update_state(
                record.images, record.reconstruction, sample_weight=record.seen
            )
        if self.tolerances is not None:
            self._trackers["curve"].update_state(record)
        for name, values in record.measures.items():
            self._trackers[name].update_state(values)
        self.objective.track(terms)
        return tf.shape(record.rate)[0]

    # === Saving ===

    def load_weights(self, filepath, **kwargs):
        """Loads what `save_weights` wrote: weights, optimiser and the objective's state.

        Raises:
            ValueError: They do not fit, or were saved under an objective without this one's state.
        """
        try:
            super().load_weights(filepath, **kwargs)
        except ValueError as error:
            if self.objective is None or holds_state_of(filepath, self.objective):
                raise
            raise ValueError(
                f"{filepath} has no state of a {type(self.objective).__name__} like this model's: "
                "it was saved under another objective. Compile with the objective it was saved "
                "under, load, and compile again; or pass skip_mismatch=True to leave this "
                "objective's state as it is."
            ) from error
