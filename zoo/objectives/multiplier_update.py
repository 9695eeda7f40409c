"""How GECO's multipliers move: the paper's rule, and proportional-integral control."""

import numpy as np
import tensorflow as tf

from zoo.checks import is_number

__all__ = ["MultiplierUpdate"]

# The default update answers signals up to this size: a squared error of κ² e^0.5, 1.28 κ RMS.
_SIGNAL_BOUND = 0.5
# Farther off, its integral waits while the signal falls fast enough to be gone in this many steps.
_PATIENCE = 1000.0
_SLOWDOWN = 10.0
_DEFAULT_STEP_SIZES = {"algorithm-1": 1.0, "proportional-integral": 0.01}


class MultiplierUpdate:
    """The change of log λ from the moving averages before and after a step: see `zoo.GECO`.

    The proportional-integral rule is the controller nuPI (Sohrabi et al. 2024),
    θ ← θ + η (K_I e_t + K_P (ξ_t - ξ_{t-1})) with ξ_t = ν ξ_{t-1} + (1 - ν) e_t, on θ = log λ,
    where the error e_t is the signal of the moving average, clipped to ±0.5. The average has
    smoothed it already, so ν = 0 and ξ_t = e_t; η K_I is the step size, η K_P the proportional
    gain, and ξ_{-1} = e_0, so that the first step is not a change. Three things are added:

    - log λ is less than θ by the constraint's `log_discount`. For the reconstruction error that is
      log(M / κ²) where it is positive. So the multiplier follows the error as the ELBO's weight
      does, which with a running σ* is D/(2M): little while the error is large, more as it falls.
      Full weight from the first step would spend nats that the decoder cannot use yet, and the run
      would end at a worse trade-off.
    - Where the signal is clipped, the integral waits as long as the signal falls by itself.
    - The integral rises at a tenth of its step far above the tolerance, where it is only to unlock
      what the ELBO alone would leave there; and above λ_0, where it is constant steps of λ, not
      factors. For the reconstruction error λ_0 = D/(2κ²) is the most that reverse water-filling
      ever asks for (a Gaussian source at its rate-distortion bound, Cover & Thomas, Section
      10.3.3). Where the error is still too large there, the networks are slow or small; a larger
      multiplier buys little error for hundreds of nats.

    With gain 0, the violation itself for a signal and none of this it would be the paper's rule.

    Args:
        rule: `"proportional-integral"` or `"algorithm-1"`.
        step_size: As given to `zoo.GECO`, or None.
        proportional_gain: As given to `zoo.GECO`.
        constraints: The K constraints.

    Raises:
        ValueError: A setting out of range, or step sizes that are not one a constraint.
    """

    def __init__(self, rule, step_size, proportional_gain, constraints):
        if rule not in _DEFAULT_STEP_SIZES:
            raise ValueError(
                f"update must be one of {sorted(_DEFAULT_STEP_SIZES)}. Received: update={rule!r}"
            )
        if not is_number(proportional_gain) or proportional_gain < 0:
            raise ValueError(
                "proportional_gain must be a finite number of at least 0. "
                f"Received: proportional_gain={proportional_gain!r}"
            )
        default = _DEFAULT_STEP_SIZES[rule]
        # As `get_config` gives it.
        self.step_size = _plain(default if step_size is None else step_size)
        self._step_sizes = _one_each(self.step_size, [c.name for c in constraints], default)
        self._rule = rule
        self.follows_the_error = rule != "algorithm-1"
        self._gain = proportional_gain
        self._constraints = constraints

    def initial(self, image_shape):
        """Returns the multipliers that training starts from, NumPy `[K]`."""
        if self._rule == "algorithm-1":
            return np.ones(len(self._constraints))
        return np.array([c.initial_multiplier(image_shape) for c in self._constraints])

    def change(self, previous, averages, log_excess, is_first):
        """Returns the change of log λ, `[K]`.

        Args:
            previous: The moving averages M_{t-1}, `[K]`.
            averages: The moving averages M_t, `[K]`.
            log_excess: log(λ / λ_0), `[K]`.
            is_first: Whether the multipliers move for the first time, a scalar bool.
        """
        if self._rule == "algorithm-1":
            return self._step_sizes * averages
        signals, before = self._signals(averages), self._signals(previous)
        bounded, bounded_before = _bounded(signals), _bounded(before)
        is_far = signals > _SIGNAL_BOUND
        is_on_its_way = tf.abs(before) - tf.abs(signals) > tf.abs(signals) / _PATIENCE
        is_waiting = (tf.abs(signals) > _SIGNAL_BOUND) & is_on_its_way
        integral = tf.where(is_waiting, 0.0, self._step_sizes * bounded)
        is_slow = is_far | ((signals > 0.0) & (log_excess >= 0.0))
        slowed = integral * tf.exp(-tf.maximum(log_excess, 0.0)) / _SLOWDOWN
        integral = tf.where(is_slow, slowed, integral)
        discount_before = tf.where(is_first, 0.0, self._log_discounts(previous))
        discount = self._log_discounts(averages)
        return integral + self._gain * (bounded - bounded_before) + discount_before - discount

    def _log_discounts(self, averages):
        return self._each(lambda constraint, average: constraint.log_discount(average), averages)

    def _signals(self, averages):
        return self._each(lambda constraint, average: constraint.signal(average), averages)

    def _each(self, function, averages):
        pairs = zip(self._constraints, tf.unstack(averages), strict=True)
        return tf.stack([function(constraint, average) for constraint, average in pairs])


def _bounded(signals):
    return tf.clip_by_value(signals, -_SIGNAL_BOUND, _SIGNAL_BOUND)


def _plain(step_size):
    """As JSON holds it, whatever Keras or NumPy made of it."""
    if isinstance(step_size, dict):
        return {name: _plain(value) for name, value in step_size.items()}
    if isinstance(step_size, list | tuple | np.ndarray):
        return [_plain(value) for value in step_size]
    return step_size.item() if isinstance(step_size, np.generic) else step_size


def _one_each(step_size, names, default):
    """Returns a step size for each constraint, float32 `[K]`."""
    if isinstance(step_size, dict):
        unknown = sorted(set(step_size) - set(names))
        if unknown:
            raise ValueError(
                f"step_size by name must name constraints among {names}; the others have "
                f"{default:g}. Received: {unknown}"
            )
        sizes = [step_size.get(name, default) for name in names]
    else:
        sizes = step_size if isinstance(step_size, list) else [step_size] * len(names)
    if len(sizes) != len(names):
        raise ValueError(
            f"step_size must be a number or one for each of the {len(names)} constraints. "
            f"Received: step_size={step_size!r}"
        )
    if not all(isinstance(size, int | float) and 0 < size < float("inf") for size in sizes):
        raise ValueError(
            "step_size must be above 0, and finite, for every constraint. "
            f"Received: step_size={step_size!r}"
        )
    return np.asarray(sizes, np.float32)
