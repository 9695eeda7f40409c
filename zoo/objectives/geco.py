"""GECO: generalised ELBO with constrained optimisation (Taming VAEs, Section 3.4, Algorithm 1)."""

import math

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.objectives.geco_arguments import as_bounds, as_constraints, table_of
from zoo.objectives.multiplier_update import MultiplierUpdate
from zoo.objectives.objective import Objective, check_posterior, mean_over_replicas
from zoo.objectives.report_infeasible import ReportInfeasible
from zoo.objectives.tolerance_metrics import WorstMeanAtTolerances

__all__ = ["GECO"]

# Wide enough for any model: a multiplier of e^30 nats per unit of error means "cannot be met".
LARGEST_LOG_MULTIPLIER = 30.0
_RISE_OF_THE_INFEASIBLE = 2.0


@registry.register("objective", package="zoo")
class GECO(Objective):
    """Minimises the rate while every constraint is met on average.

    The loss is mean rate + Σ_k λ_k C_k, where C_k has the value of a moving average of the
    constraint and the gradient of the batch; each step ends with an update of the multipliers λ.

    Of a reconstruction error with a range of tolerances the multiplier is a function of the
    tolerance, a table; see `zoo.objectives.multiplier_table`. It stands alone: beside it the
    multiplier of any other constraint would be a function of the tolerance too, and with a second
    range a function of both.

    Args:
        constraints: A `zoo.constraints.Constraint`, or several.
        decay: Decay a step of the constraints' moving averages M, in [0, 1); None means what suits
            `update` (0.95; algorithm-1, as the paper: 0.99).
        step_size: Step ν of the multipliers' update, above 0: a number, a list of one a constraint,
            or a dict of them by the constraint's name; None, or a name left out, means what suits
            `update` (0.05; algorithm-1: 1).
        update: `"proportional-integral"` (default): log λ moves by ν min(s_t, 0.05) +
            proportional_gain · (s_t - s_{t-1}) from `constraint.initial_multiplier`. s_t is the
            constraint's scale-free signal of M_t, for the reconstruction error log(error / κ²),
            within ±0.5. While the reconstruction error is above κ², λ is less by that factor, so
            that training begins with the ELBO's weight D/(2σ*²). Above its start λ rises ever
            slower, so that a tolerance out of reach costs few nats. One setting serves every
            tolerance and data set (`zoo.objectives.multiplier_update` has all of it).
            `"algorithm-1"`: the paper's rule to the letter, λ ← λ · exp(ν M_t) from λ = 1. Since
            our reconstruction error is a mean over the D pixels, not a sum, its λ = 1 starts
            D times weaker than the paper's.
        proportional_gain: Damping of the default update against overshoot, as the K_P of nuPI (see
            `zoo.objectives.multiplier_update`); unused by algorithm-1.
        delay: Number of steps before the multipliers move; the moving averages move from the first.
        log_multiplier_bounds: Least and largest log λ. Wide, they only keep λ finite: a multiplier
            at its upper bound belongs to a constraint that this model cannot meet (`infeasible`).

    Raises:
        ValueError: No constraint, two of one name, or a setting out of range.

    Example:
        >>> objective = zoo.GECO(zoo.constraints.ReconstructionError(tolerance=0.1))
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=objective)
    """

    citations = (papers.TAMING_VAES,)
    summary = (
        "GECO (Taming VAEs, Rezende & Viola 2018): the rate is minimised while the constraint is "
        "met on average; the multiplier is found by the training itself."
    )
    starting_arguments = {
        "constraints": [{"class_name": "ReconstructionError", "arguments": {"tolerance": 0.1}}]
    }

    def __init__(
        self,
        constraints,
        decay=None,
        step_size=None,
        update="proportional-integral",
        proportional_gain=2.0,
        delay=0,
        log_multiplier_bounds=(-LARGEST_LOG_MULTIPLIER, LARGEST_LOG_MULTIPLIER),
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.constraints = as_constraints(constraints)
        self._table = table_of(self.constraints, update)
        of_multipliers = self.constraints * (self._table.num_knots if self._table else 1)
        self._update = MultiplierUpdate(update, step_size, proportional_gain, of_multipliers)
        decay = self._update.default_decay if decay is None else decay
        self.decay = checks.number("decay", decay, least=0, below=1)
        self.step_size = self._update.step_size
        self.update = update
        self.proportional_gain = proportional_gain
        self.delay = checks.integer("delay", delay, least=0, why="a number of steps")
        self.log_multiplier_bounds = as_bounds(log_multiplier_bounds)
        self._violations = [self._make_violation(c) for c in self.constraints]
        self._multipliers = [keras.metrics.Mean(f"{c.name}_multiplier") for c in self.constraints]

    def _make_violation(self, constraint):
        name = f"{constraint.name}_violation"
        is_one = self._table is None
        return keras.metrics.Mean(name) if is_one else WorstMeanAtTolerances(constraint.range, name)

    @property
    def tolerance_range(self):
        """(least, most) of the constraint's tolerances, or None: the model's must be the same."""
        return self.constraints[0].tolerance if self._table is not None else None

    def check(self, model, optimizer):
        """Raises ValueError for what GECO cannot train: see `zoo.LatentImageModel.compile`."""
        check_posterior(self, model)
        for constraint in self.constraints:
            constraint.check(model)
        if model.likelihood.is_trained_by_likelihood:
            raise ValueError(
                "GECO has no likelihood term, so it would never train the scales of a "
                f"{type(model.likelihood).__name__} (of a Gaussian: scale='learned'). Use the "
                "likelihood zoo.distributions.Gaussian(scale='running'), or another objective."
            )
        if model.needs_distortion:
            raise ValueError(
                "GECO has no likelihood term, and the earlier steps of this "
                f"{type(model).__name__} would learn from nothing else. Make it with "
                "stop_gradient=False, the default, or choose another objective."
            )
        # A loss-scaling optimiser, as in mixed_float16, wraps the one that accumulates.
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
        initial = np.log(self._update.initial(model.image_shape))
        self._log_initial = np.float32(np.clip(initial, *self.log_multiplier_bounds))
        self.log_multipliers = self.add_state("log_multipliers", self._log_initial)
        self.moving_averages = self.add_state("moving_averages", np.zeros(len(initial)))
        self.num_updates = self.add_state("num_updates", 0.0)
        return super().attach(model)

    def terms(self, model, record, noise=None):
        """Returns the rate in nats and each constraint's value by name, float32 `[B]`."""
        terms = {"rate": record.rate} | {c.name: c.values(record) for c in self.constraints}
        return terms if self._table is None else terms | {"tolerance": record.tolerance}

    def loss(self, terms, training):
        """Returns mean rate + Σ λ C, a scalar; in training, then moves averages and multipliers."""
        if self._table is not None:
            return self._loss_of_range(terms, training)
        rate = tf.reduce_mean(terms["rate"])
        violations = tf.stack([tf.reduce_mean(terms[c.name]) for c in self.constraints])
        log_multipliers = tf.convert_to_tensor(self.log_multipliers)
        if training:
            averages, log_multipliers = self._advance(mean_over_replicas(violations), self.decay)
            # The value of the average, the gradient of the batch (Algorithm 1).
            violations += tf.stop_gradient(averages - violations)
        return rate + tf.reduce_sum(tf.exp(log_multipliers) * violations)

    def _loss_of_range(self, terms, training):
        """Returns mean w(κ) (rate + λ(κ) κ² C), every row with its own κ; else as `loss`."""
        tolerances, values = terms["tolerance"], terms[self.constraints[0].name]
        hats = self._table.hats(tolerances)
        log_multipliers = tf.convert_to_tensor(self.log_multipliers)
        if training:
            means, shares = self._table.means(values, hats)
            averages, log_multipliers = self._advance(means, self.decay**shares)
            values += tf.stop_gradient(tf.linalg.matvec(hats, averages) - values)
        multipliers = tf.exp(tf.linalg.matvec(hats, log_multipliers))
        weights = self._table.row_weights(tolerances)
        return tf.reduce_mean(weights * (terms["rate"] + multipliers * values))

    def _advance(self, violations, decay):
        """Moves the averages by this step's violations `[K]`, then the multipliers.

        Returns:
            The averages M_t, and the log multipliers that this step's loss has, both `[K]`.
        """
        num_updates = tf.convert_to_tensor(self.num_updates)
        is_first_move = tf.equal(num_updates, float(self.delay))
        log_multipliers = tf.convert_to_tensor(self.log_multipliers)
        previous = tf.convert_to_tensor(self.moving_averages)
        previous = tf.where(tf.equal(num_updates, 0.0), violations, previous)
        averages = decay * previous + (1.0 - decay) * violations
        log_excess = log_multipliers - self._log_initial
        change = self._update.change(previous, averages, log_excess, is_first_move)
        if self._table is not None:
            # Between the multipliers without their discounts, which follow the errors at once.
            undiscounted = log_multipliers + self._update.log_discounts(previous)
            undiscounted = tf.where(is_first_move, log_multipliers, undiscounted)
            change += self._table.diffusion(undiscounted, self._update.step_sizes)
        if self.delay:
            change = tf.where(num_updates < float(self.delay), 0.0, change)
        moved = tf.clip_by_value(log_multipliers + change, *self.log_multiplier_bounds)
        self.log_multipliers.assign(moved)
        self.moving_averages.assign(averages)
        self.num_updates.assign_add(tf.ones([]))
        if self._update.follows_the_error:
            # The start is known only now. With λ_0 instead, this step's gradients would rule
            # Adam's second moments, and hold all learning back, for a thousand steps.
            log_multipliers = tf.where(is_first_move, moved, log_multipliers)
        return averages, log_multipliers

    def track(self, terms):
        """Logs each constraint's violation, in its own unit, and multiplier.

        Of a range the violation is the worst of those at five tolerances, relative to κ², and the
        multiplier that at the middle.
        """
        if self._table is not None:
            self._violations[0].update_state(terms[self.constraints[0].name], terms["tolerance"])
            self._multipliers[0].update_state(self.multiplier_at(self.constraints[0].range.middle))
            return
        multipliers = tf.unstack(tf.exp(tf.convert_to_tensor(self.log_multipliers)))
        for constraint, violation, multiplier, value in zip(
            self.constraints, self._violations, self._multipliers, multipliers, strict=True
        ):
            violation.update_state(terms[constraint.name])
            multiplier.update_state(value)

    def multiplier_at(self, tolerance):
        """Returns λ at a tolerance of the range, a float32 scalar in nats a squared pixel unit.

        Example:
            >>> model = zoo.ConvVAE((28, 28, 1), tolerance_range=(0.06, 0.175))
            >>> objective = zoo.GECO(zoo.constraints.ReconstructionError((0.06, 0.175)))
            >>> model.compile(keras.optimizers.Adam(1e-3), objective=objective)
            >>> objective.multiplier_at(0.1)
        """
        hats = self._table.hats(tf.reshape(tf.cast(tolerance, tf.float32), [1]))
        log_multiplier = tf.linalg.matvec(hats, tf.convert_to_tensor(self.log_multipliers))[0]
        return tf.exp(log_multiplier) / tolerance**2

    @property
    def trackers(self):
        """The metrics `<name>_violation` and `<name>_multiplier` of each constraint."""
        return [*self._violations, *self._multipliers]

    @property
    def multipliers(self):
        """Current multipliers, a dict of constraint name to float; of a range at its middle."""
        if self._table is not None:
            [constraint] = self.constraints
            return {constraint.name: float(self.multiplier_at(constraint.range.middle))}
        values = np.exp(keras.ops.convert_to_numpy(self.log_multipliers))
        return {c.name: float(v) for c, v in zip(self.constraints, values, strict=True)}

    def infeasible(self):
        """Names of the constraints that this model does not seem able to meet.

        The multiplier of each stands at its upper bound or, under the default update, at twice the
        initial multiplier or more, while the moving average is still above the tolerance by the
        margin that `vae-zoo train` allows, a tenth of the constraint's scale. Of a range one knot
        within it is enough.

        Example:
            >>> objective = zoo.GECO(zoo.constraints.ReconstructionError(tolerance=0.001))
            >>> model.compile(keras.optimizers.Adam(1e-3), objective=objective)
            >>> model.fit(images, epochs=10)
            >>> objective.infeasible()  # after enough steps ["reconstruction_error"]
        """
        log_multipliers = keras.ops.convert_to_numpy(self.log_multipliers)
        averages = keras.ops.convert_to_numpy(self.moving_averages)
        scales = np.array([constraint.scale for constraint in self.constraints])
        is_high = log_multipliers >= np.float32(self.log_multiplier_bounds[1])
        if self.update != "algorithm-1":
            has_risen = log_multipliers - self._log_initial >= math.log(_RISE_OF_THE_INFEASIBLE)
            is_high |= has_risen & (averages > 0.1 * scales)
        if self._table is not None:
            is_high = [np.any(is_high & self.constraints[0].range.contains(self._table.knots))]
        return [c.name for c, hit in zip(self.constraints, is_high, strict=True) if hit]

    def callbacks(self):
        """Returns the callback that reports a constraint that cannot be met."""
        return [ReportInfeasible(self)]

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        makers = registry.examples("constraint", image_shape)
        error = makers["ReconstructionError"]
        gains = {"step_size": 0.02, "proportional_gain": 1.5}

        def several():
            constraints = [make() for n, make in makers.items() if not n.endswith("_range")]
            bounds = {"delay": 1, "log_multiplier_bounds": (-8.0, 9.0)}
            return cls(constraints, step_size={constraints[0].name: 0.05}, **bounds)

        return {
            "": lambda: cls(error(), decay=0.9, **gains),
            "several": several,
            "algorithm_1": lambda: cls(error(), update="algorithm-1"),
            "range": lambda: cls(makers["ReconstructionError_range"](), decay=0.9, **gains),
        }
