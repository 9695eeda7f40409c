"""GECO's multiplier as a function of the tolerance: a table over knots in log κ.

For κ drawn log-uniformly, and weights that minimise the rate at every κ, the multiplier of
error(κ) = κ² is λ(κ) = -dR/d(κ²), R being the least rate. So e^θ(κ), with θ = log(λ · 2κ²/D), is
-(1/D) dR/d log κ, the slope of the rate-distortion curve: no constant, but a smooth function, for
which a few knots do. [choice] A table rather than a network, in which an overshoot at one κ would
move its neighbours too.

Each knot is moved by `zoo.objectives.multiplier_update`, on a moving average of its own; an example
weighs on the two knots beside its κ as in linear interpolation. Violations are relative,
error/κ² - 1, and so is the table: it holds log(λ κ²), which starts at log(D/2) for every κ.
"""

import tensorflow as tf

from zoo.objectives.objective import mean_over_replicas

__all__ = ["MultiplierTable"]

# [choice] Examples count by (κ/middle)^1.5. Without it the least tolerances, whose multipliers are
# the largest, own the gradient; 24% more nats at 0.175 were the price, with it 9%.
_WEIGHT_EXPONENT = 1.5
# [choice] By so much of the step size a knot moves towards its neighbours. The network is smooth
# in κ, so a zigzag of the table hardly moves the errors, and nothing else would take it out again.
_DIFFUSION = 0.2


class MultiplierTable:
    """What differs where a constraint has a range: means and decays a knot, and between knots.

    Args:
        constraint: A constraint with a `range`.
    """

    def __init__(self, constraint):
        self._range = constraint.range.trained
        self.num_knots = constraint.knots

    @property
    def knots(self):
        """The tolerances of the knots, NumPy `[K]`."""
        return self._range.points(self.num_knots)

    def hats(self, tolerances):
        """Returns how rows weigh on knots, `[B, K]`, for tolerances `[B]`."""
        return self._range.hats(tolerances, self.num_knots)

    def row_weights(self, tolerances):
        """Returns how much rows count in the loss, `[B]`."""
        return (tolerances / self._range.middle) ** _WEIGHT_EXPONENT

    def means(self, values, hats):
        """Averages values `[B]` at each knot over all replicas.

        Returns:
            Means `[K]`, at a knot that no row weighs on that of all rows; and the knots' shares of
            the rows, `[K]`, with mean 1.
        """
        sums = mean_over_replicas(tf.reduce_mean(hats * values[:, None], axis=0))
        shares = mean_over_replicas(tf.reduce_mean(hats, axis=0))
        means = tf.where(shares > 0.0, tf.math.divide_no_nan(sums, shares), tf.reduce_sum(sums))
        return means, shares * self.num_knots

    def diffusion(self, log_multipliers, step_sizes):
        """Returns the change of log multipliers `[K]` towards their neighbours.

        An end has itself for its outer neighbour.
        """
        padded = tf.concat([log_multipliers[:1], log_multipliers, log_multipliers[-1:]], axis=0)
        return _DIFFUSION * step_sizes * (padded[:-2] - 2.0 * log_multipliers + padded[2:])
