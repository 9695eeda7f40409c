"""GECO's default update, its parts left out, others: each as a `Rule` that GECO can run."""

import dataclasses

import tensorflow as tf

from zoo.objectives.multiplier_update import MultiplierUpdate


@dataclasses.dataclass(frozen=True)
class Rule:
    """A proportional-integral rule on the signal s = log(M / κ²) of the moving average M.

    log λ moves by `step_size` · s, clipped to [-0.5, `rise_bound`], and by `gain` times the change
    of s, clipped to ±0.5. While s is above 0, log λ is less by s where the rule `follows` the
    error.
    `waits` and `slows` are parts of an earlier default: the integral waits where s is clipped
    and falls by itself; it rises at a tenth far above the tolerance and above λ_0. Above λ_0 the
    integral rises (λ_0/λ)^`power` as fast: with 0 by factors, with 1 in steps of λ.
    """

    step_size: float = 0.01
    gain: float = 2.0
    decay: float = 0.99
    rise_bound: float = 0.5
    follows: bool = True
    waits: bool = False
    slows: bool = False
    power: int = 0


BEFORE = Rule(waits=True, slows=True)
DEFAULT = Rule(step_size=0.05, gain=2.0, decay=0.95, rise_bound=0.05, power=2)
VARIANTS = {
    "before": BEFORE,
    "before without waiting": dataclasses.replace(BEFORE, waits=False),
    "before without slowdown": dataclasses.replace(BEFORE, slows=False),
    "before without both": Rule(),
    "default": DEFAULT,
    "default, rises as it falls": dataclasses.replace(DEFAULT, rise_bound=0.5),
    "default, decay 0.9": dataclasses.replace(DEFAULT, decay=0.9),
    "default, decay 0.99": dataclasses.replace(DEFAULT, decay=0.99),
    "default, step size 0.02": dataclasses.replace(DEFAULT, step_size=0.02),
    "default, gain 0": dataclasses.replace(DEFAULT, gain=0.0),
    "default, gain 4": dataclasses.replace(DEFAULT, gain=4.0),
    "default, full weight": dataclasses.replace(DEFAULT, follows=False),
    "default, by factors": dataclasses.replace(DEFAULT, power=0),
    "default, rise bound 0.02, steps of λ": dataclasses.replace(DEFAULT, rise_bound=0.02, power=1),
}


class CandidateUpdate(MultiplierUpdate):
    """A `Rule` instead of GECO's default update."""

    def __init__(self, rule, constraints):
        super().__init__("proportional-integral", rule.step_size, rule.gain, constraints)
        self._candidate = rule

    def change(self, previous, averages, log_excess, is_first):
        """Returns the change of log λ, `[K]`: see `MultiplierUpdate.change`."""
        rule = self._candidate
        signals, before = self._signals(averages), self._signals(previous)
        bounded, bounded_before = (tf.clip_by_value(s, -0.5, 0.5) for s in (signals, before))
        integral = rule.step_size * tf.clip_by_value(signals, -0.5, rule.rise_bound)
        excess = tf.maximum(log_excess, 0.0)
        integral *= tf.where(signals > 0.0, tf.exp(-rule.power * excess), 1.0)
        if rule.waits:
            is_falling = tf.abs(before) - tf.abs(signals) > tf.abs(signals) / 1000.0
            integral = tf.where((tf.abs(signals) > 0.5) & is_falling, 0.0, integral)
        if rule.slows:
            is_slow = (signals > 0.5) | ((signals > 0.0) & (log_excess >= 0.0))
            integral = tf.where(is_slow, integral * tf.exp(-excess) / 10.0, integral)
        change = integral + rule.gain * (bounded - bounded_before)
        if rule.follows:
            change -= tf.nn.relu(signals) - tf.where(is_first, 0.0, tf.nn.relu(before))
        return change
