"""GECO: generalised ELBO with constrained optimisation (Taming VAEs, Section 3.4, Algorithm 1)."""

import logging

import keras
import numpy as np
import tensorflow as tf

from zoo.constraints import Constraint
from zoo.objectives.objective import Objective, mean_over_replicas

__all__ = ["GECO"]

_LOG = logging.getLogger(__name__)
# Wide enough for any model: a multiplier of e^30 nats per unit of error means "cannot be met".
LARGEST_LOG_MULTIPLIER = 30.0
# The default update answers signals up to this size: a squared error of κ² e^0.5, 1.28 κ RMS.
_SIGNAL_BOUND = 0.5
# Farther off, it waits while the signal falls fast enough to be gone in this many steps.
_PATIENCE = 1000.0
_DEFAULT_STEP_SIZES = {"algorithm-1": 1.0, "proportional-integral": 0.01}


@keras.saving.register_keras_serializable("zoo")
class GECO(Objective):
    """Minimises the rate while every constraint is met on average.

    The loss is mean rate + Σ_k λ_k C_k, where C_k has the value of a moving average of the
    constraint and the gradient of the batch; each step ends with an update of the multipliers λ.

    Args:
        constraints: A `zoo.constraints.Constraint`, or several.
        decay: Decay a step of the constraints' moving averages M, in [0, 1) (the paper: 0.99).
        step_size: Step ν of the multipliers' update; by default what suits `update`.
        update: `"proportional-integral"` (default): log λ moves by ν s_t +
            proportional_gain · (s_t - s_{t-1}) from `constraint.initial_multiplier`. s_t is the
            constraint's scale-free signal of M_t, for the reconstruction error log(error / κ²),
            clipped to ±0.5. Where it is clipped, λ waits as long as the unclipped signal is on its
            way to 0 by itself (at a rate of 1/1000 of itself a step), so that the slow start of
            training does not wind the multiplier up. One setting serves every tolerance and data
            set.
            `"algorithm-1"`: the paper's rule to the letter, λ ← λ · exp(ν M_t) from λ = 1. Since
            our reconstruction error is a mean over the D pixels, not a sum, its λ = 1 starts
            D times weaker than the paper's.
        proportional_gain: Damping of the default update against overshoot; unused by algorithm-1.

    Raises:
        ValueError: No constraint, two of one name, or a setting out of range.

    Example:
        >>> objective = zoo.GECO(zoo.constraints.ReconstructionError(tolerance=0.1))
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=objective)
    """

    def __init__(
        self,
        constraints,
        decay=0.99,
        step_size=None,
        update="proportional-integral",
        proportional_gain=2.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.constraints = _as_constraints(constraints)
        if update not in _DEFAULT_STEP_SIZES:
            raise ValueError(
                f"update must be one of {sorted(_DEFAULT_STEP_SIZES)}. Received: update={update!r}"
            )
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1). Received: decay={decay!r}")
        step_size = _DEFAULT_STEP_SIZES[update] if step_size is None else step_size
        if not step_size > 0:
            raise ValueError(f"step_size must be above 0. Received: step_size={step_size!r}")
        if not proportional_gain >= 0:
            raise ValueError(
                "proportional_gain must be at least 0. "
                f"Received: proportional_gain={proportional_gain!r}"
            )
        self.decay = decay
        self.step_size = step_size
        self.update = update
        self.proportional_gain = proportional_gain
        self._violations = [keras.metrics.Mean(f"{c.name}_violation") for c in self.constraints]
        self._multipliers = [keras.metrics.Mean(f"{c.name}_multiplier") for c in self.constraints]

    def check(self, model, optimizer):
        """Raises ValueError for what GECO cannot train: see `zoo.LatentImageModel.compile`."""
        for constraint in self.constraints:
            constraint.check(model)
        if model.likelihood.is_trained_by_likelihood:
            raise ValueError(
                "GECO has no likelihood term, so it would never train the likelihood's own weights "
                "(scale='learned'). Use zoo.distributions.Gaussian(scale='running'), the default."
            )
        # A loss-scaling optimiser, as of mixed_float16, wraps the one that accumulates.
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if getattr(optimizer, "gradient_accumulation_steps", None):
            raise ValueError(
                "GECO moves its multipliers at every step, so it cannot train with gradient "
                "accumulation: use a larger batch. Received: gradient_accumulation_steps="
                f"{optimizer.gradient_accumulation_steps}"
            )

    def attach(self, model):
        """Creates the multipliers and moving averages, float32 `[K]`, equal on all replicas."""
        if self.built:
            return super().attach(model)
        if self.update == "algorithm-1":
            initial = np.ones(len(self.constraints))
        else:
            initial = [c.initial_multiplier(model.image_shape) for c in self.constraints]
        self.log_multipliers = self.add_state("log_multipliers", np.log(initial))
        self.moving_averages = self.add_state("moving_averages", np.zeros(len(initial)))
        self.num_updates = self.add_state("num_updates", 0.0)
        return super().attach(model)

    def terms(self, model, record):
        """Gives the rate in nats and each constraint's value by name, float32 `[B]`."""
        del model
        return {"rate": record.rate} | {c.name: c.values(record) for c in self.constraints}

    def loss(self, terms, training):
        """Gives mean rate + Σ λ C, a scalar; in training, then moves averages and multipliers."""
        rate = tf.reduce_mean(terms["rate"])
        violations = tf.stack([tf.reduce_mean(terms[c.name]) for c in self.constraints])
        multipliers = tf.exp(tf.convert_to_tensor(self.log_multipliers))
        if training:
            averages = self._advance(mean_over_replicas(violations))
            # The value of the average, the gradient of the batch (Algorithm 1).
            violations += tf.stop_gradient(averages - violations)
        return rate + tf.reduce_sum(multipliers * violations)

    def _advance(self, violations):
        """Moves the averages by this step's violations `[K]`, then the multipliers; gives M_t."""
        previous = tf.convert_to_tensor(self.moving_averages)
        is_first = tf.equal(tf.convert_to_tensor(self.num_updates), 0.0)
        previous = tf.where(is_first, violations, previous)
        averages = self.decay * previous + (1.0 - self.decay) * violations
        limit = LARGEST_LOG_MULTIPLIER
        log_multipliers = self.log_multipliers + self._step(previous, averages)
        self.log_multipliers.assign(tf.clip_by_value(log_multipliers, -limit, limit))
        self.moving_averages.assign(averages)
        self.num_updates.assign_add(tf.ones([]))
        return averages

    def _step(self, previous, averages):
        """The change of log λ, `[K]`, from the moving averages before and after this step."""
        if self.update == "algorithm-1":
            return self.step_size * averages
        signals, before = self._signals(averages), self._signals(previous)
        bounded = tf.clip_by_value(signals, -_SIGNAL_BOUND, _SIGNAL_BOUND)
        change = bounded - tf.clip_by_value(before, -_SIGNAL_BOUND, _SIGNAL_BOUND)
        is_far = tf.abs(signals) > _SIGNAL_BOUND
        is_on_its_way = tf.abs(before) - tf.abs(signals) > tf.abs(signals) / _PATIENCE
        integral = tf.where(is_far & is_on_its_way, 0.0, self.step_size * bounded)
        return integral + self.proportional_gain * change

    def _signals(self, averages):
        pairs = zip(self.constraints, tf.unstack(averages), strict=True)
        return tf.stack([constraint.signal(average) for constraint, average in pairs])

    def track(self, terms):
        """Logs each constraint's violation, in its own unit, and multiplier."""
        multipliers = tf.unstack(tf.exp(tf.convert_to_tensor(self.log_multipliers)))
        for constraint, violation, multiplier, value in zip(
            self.constraints, self._violations, self._multipliers, multipliers, strict=True
        ):
            violation.update_state(terms[constraint.name])
            multiplier.update_state(value)

    @property
    def trackers(self):
        """The metrics `<name>_violation` and `<name>_multiplier` of each constraint."""
        return [*self._violations, *self._multipliers]

    @property
    def multipliers(self):
        """Current multipliers, a dict of constraint name to float."""
        values = np.exp(keras.ops.convert_to_numpy(self.log_multipliers))
        return {c.name: float(v) for c, v in zip(self.constraints, values, strict=True)}

    def infeasible(self):
        """Names of the constraints whose multiplier stands at its upper bound: not to be met."""
        values = keras.ops.convert_to_numpy(self.log_multipliers)
        at_bound = values >= LARGEST_LOG_MULTIPLIER
        return [c.name for c, hit in zip(self.constraints, at_bound, strict=True) if hit]

    def callbacks(self):
        """Gives the callback that reports a constraint that cannot be met."""
        return [_ReportInfeasible(self)]

    def get_config(self):
        """Gives the constructor's arguments."""
        return {
            "name": self.name,
            "constraints": [keras.saving.serialize_keras_object(c) for c in self.constraints],
            "decay": self.decay,
            "step_size": self.step_size,
            "update": self.update,
            "proportional_gain": self.proportional_gain,
        }

    @classmethod
    def from_config(cls, config):
        """Makes the objective from `get_config`."""
        constraints = [keras.saving.deserialize_keras_object(c) for c in config["constraints"]]
        return cls(**(config | {"constraints": constraints}))


class _ReportInfeasible(keras.callbacks.Callback):
    """Warns once for each constraint whose multiplier has reached its bound."""

    def __init__(self, objective):
        super().__init__()
        self._objective = objective
        self._reported = set()

    def on_epoch_end(self, epoch, logs=None):
        for name in set(self._objective.infeasible()) - self._reported:
            self._reported.add(name)
            _LOG.warning(
                "After epoch %d the multiplier of %s is at its bound, e^%g: this model cannot meet "
                "the tolerance. Loosen it, or give the model more capacity or more time.",
                epoch + 1,
                name,
                LARGEST_LOG_MULTIPLIER,
            )


def _as_constraints(constraints):
    constraints = list(constraints) if isinstance(constraints, list | tuple) else [constraints]
    for constraint in constraints:
        if not isinstance(constraint, Constraint):
            raise ValueError(
                "GECO takes a zoo.constraints.Constraint or a list of them. "
                f"Received: {constraint!r}"
            )
    names = [constraint.name for constraint in constraints]
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"GECO needs at least one constraint, each with a name of its own. Received: {names}"
        )
    return constraints
