"""How GECO's multipliers move: the paper's rule, and proportional-integral control."""

import numpy as np
import tensorflow as tf

from zoo import checks

__all__ = ["MultiplierUpdate", "proportional_integral"]

# Signals beyond this count as it: a squared error of κ² e^0.5, 1.28 κ RMS.
_SIGNAL_BOUND = 0.5
# The integral rises by at most this much of its step, a tenth of what it may fall by.
_RISE_BOUND = 0.05
_DEFAULT_STEP_SIZES = {"algorithm-1": 1.0, "proportional-integral": 0.05}
_DEFAULT_DECAYS = {"algorithm-1": 0.99, "proportional-integral": 0.95}


def proportional_integral(signal, previous, log_excess, step_size, gain, xp=np):
    """Returns the change of log λ: see `MultiplierUpdate`; its discount comes on top.

    Args:
        signal: s_t, floats of any shape.
        previous: s_{t-1}.
        log_excess: log(λ / λ_0).
        step_size: ν, above 0.
        gain: K_P, at least 0.
        xp: The module that computes: `numpy`, or `tensorflow` for tensors.
    """
    bounded, before = (
        xp.maximum(xp.minimum(s, _SIGNAL_BOUND), -_SIGNAL_BOUND) for s in (signal, previous)
    )
    fall = step_size * xp.minimum(bounded, 0.0)
    rise = step_size * xp.minimum(xp.maximum(bounded, 0.0), _RISE_BOUND)
    slowdown = xp.exp(-2.0 * xp.maximum(log_excess, 0.0))
    return fall + rise * slowdown + gain * (bounded - before)


class MultiplierUpdate:
    """The change of log λ from the moving averages before and after a step: see `zoo.GECO`.

    The default is proportional-integral control of log λ. With s_t the signal of the moving
    average (for the reconstruction error log(M_t / κ²)) and [s] the same within ±0.5, a step adds

        ν min([s_t], 0.05) + K_P ([s_t] - [s_{t-1}])

    - The integral finds λ. It may fall ten times as fast as it rises, for an error above κ² is what
      every run begins with, and more λ is not what it lacks: it lacks training.
    - Above its start λ_0 it rises slower still, by the factor (λ_0 / λ)². For the reconstruction
      error λ_0 = D/(2κ²) is the most that reverse water-filling asks for (Cover & Thomas, Section
      10.3.3): where the error is too large there, the networks are slow or small, and a larger
      multiplier buys little error for many nats.
    - The proportional term answers the change of the error, against overshoot (as K_P of nuPI,
      Sohrabi et al. 2024).
    - While the error is above κ², log λ is less by the constraint's `log_discount`, s_t: λ is the
      weight D/(2M) that the ELBO with a running σ* gives the error. Full weight from the first step
      spends nats that the decoder cannot use yet, and not all of them come back.

    With gain 0, the violation itself for a signal and no bounds it would be the paper's rule.

    Args:
        rule: `"proportional-integral"` or `"algorithm-1"`.
        step_size: As given to `zoo.GECO`, or None.
        proportional_gain: As given to `zoo.GECO`.
        constraints: The constraint of each of the K multipliers.

    Attributes:
        step_sizes: ν of each multiplier, NumPy `[K]`.

    Raises:
        ValueError: A setting out of range, or step sizes that are not one a constraint.
    """

    def __init__(self, rule, step_size, proportional_gain, constraints):
        default = _DEFAULT_STEP_SIZES[checks.choice("update", rule, sorted(_DEFAULT_STEP_SIZES))]
        # As `get_config` gives it.
        self.step_size = _plain(default if step_size is None else step_size)
        self.step_sizes = _one_each(self.step_size, [c.name for c in constraints], default)
        self._rule = rule
        self._gain = checks.number("proportional_gain", proportional_gain, least=0)
        self.default_decay = _DEFAULT_DECAYS[rule]
        self.follows_the_error = rule != "algorithm-1"
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
            return self.step_sizes * averages
        signals, before = self._signals(averages), self._signals(previous)
        change = proportional_integral(
            signals, before, log_excess, self.step_sizes, self._gain, xp=tf
        )
        discount_before = tf.where(is_first, 0.0, self.log_discounts(previous))
        return change + discount_before - self.log_discounts(averages)

    def log_discounts(self, averages):
        """Returns by how much log λ is less at these moving averages, `[K]`."""
        return self._each(lambda constraint, average: constraint.log_discount(average), averages)

    def _signals(self, averages):
        return self._each(lambda constraint, average: constraint.signal(average), averages)

    def _each(self, function, averages):
        pairs = zip(self._constraints, tf.unstack(averages), strict=True)
        return tf.stack([function(constraint, average) for constraint, average in pairs])


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
    sizes = [checks.number("step_size", size, above=0) for size in sizes]
    return np.asarray(sizes, np.float32)
