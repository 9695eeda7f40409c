"""Annealing schedules: numbers that change with the step of training."""

import math

import tensorflow as tf

from zoo import checks, registry
from zoo.configured import Configured

__all__ = ["Cosine", "Linear", "PixelScaleAnnealing", "Schedule"]


class Schedule(Configured):
    """A number that an objective asks for at each step, such as β of `zoo.ELBO`.

    A subclass defines `value(step, model)` and keeps its constructor's arguments as attributes of
    the same names. Steps are counted by the objective, from 0, in training only.

    Example:
        >>> @keras.saving.register_keras_serializable("mine")
        ... class Approach(zoo.schedules.Schedule):
        ...     def __init__(self, half_life):
        ...         self.half_life = half_life
        ...     def value(self, step, model):
        ...         return 1.0 - 0.5 ** (step / self.half_life)
        >>> model.compile("adam", objective=zoo.ELBO(beta=Approach(half_life=1000)))
    """

    keras_arguments = ()

    def check(self, model):
        """Raises ValueError if the schedule is undefined for the model."""

    def value(self, step, model):
        """Returns the value at a step, a float32 scalar.

        Args:
            step: Steps of training done so far, a float32 scalar.
            model: The model that is trained.
        """
        raise NotImplementedError


class _Ramp(Schedule):
    """Goes from `start` to `end` in `steps` steps and stays there."""

    def __init__(self, start, end, steps):
        self.start = checks.number("start", start, least=0)
        self.end = checks.number("end", end, least=0)
        self.steps = checks.integer("steps", steps)

    def _share(self, step):
        """How much of the way is done: 0 at the start, 1 from `steps` on."""
        return tf.minimum(step / self.steps, 1.0)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {"": lambda: cls(start=0.1, end=0.9, steps=5)}


@registry.register("schedule", package="zoo.schedules")
class Linear(_Ramp):
    """Goes from `start` to `end` along a line, such as a warm-up of β.

    Args:
        start: Value at step 0, at least 0.
        end: Value from `steps` on, at least 0.
        steps: Length of the way, in steps of training.

    Raises:
        ValueError: A value is negative or not finite, or `steps` is below 1.

    Example:
        >>> zoo.ELBO(beta=zoo.schedules.Linear(0.0, 1.0, steps=10_000))
    """

    def value(self, step, model=None):
        """Returns start + (end - start) · step / steps."""
        return self.start + (self.end - self.start) * self._share(step)


@registry.register("schedule", package="zoo.schedules")
class Cosine(_Ramp):
    """Goes from `start` to `end` along half a cosine: slowly at both ends.

    Args:
        start: Value at step 0, at least 0.
        end: Value from `steps` on, at least 0.
        steps: Length of the way, in steps of training.

    Raises:
        ValueError: A value is negative or not finite, or `steps` is below 1.

    Example:
        >>> zoo.ELBO(beta=zoo.schedules.Cosine(0.0, 1.0, steps=10_000))
    """

    def value(self, step, model=None):
        """Returns end + (start - end) · (1 + cos(π step / steps)) / 2."""
        return self.end + (self.start - self.end) * (1.0 + tf.cos(math.pi * self._share(step))) / 2


@registry.register("schedule", package="zoo.schedules")
class PixelScaleAnnealing(_Ramp):
    """The hand-annealed ELBO of GQN (Eslami et al. 2018), a baseline of Taming VAEs, as a β.

    There a Gaussian's standard deviation of pixels s falls along a line, from 2.0 to 0.7 in 2·10⁵
    steps. Squared error / (2s²) + rate is the β-weighted ELBO of a Gaussian with scale σ times
    σ²/s², where β = s²/σ²: this schedule's value, with σ the scale of the model's likelihood at
    that step. So the balance of both terms is GQN's, whatever σ is.

    Args:
        start: s at step 0, in pixel units, above 0.
        end: s from `steps` on, above 0.
        steps: The horizon; scale it to the length of the run.

    Raises:
        ValueError: A value is not above 0, `steps` is below 1, or (by `compile`) the model's
            likelihood has no scale.

    Example:
        >>> zoo.ELBO(beta=zoo.schedules.PixelScaleAnnealing(steps=20_000))
    """

    def __init__(self, start=2.0, end=0.7, steps=200_000):
        for name, scale in (("start", start), ("end", end)):
            checks.number(name, scale, above=0, why="a scale of pixels")
        super().__init__(start, end, steps)

    def check(self, model):
        """Raises ValueError unless the model's likelihood has a scale."""
        if not hasattr(model.likelihood, "scale"):
            raise ValueError(
                "PixelScaleAnnealing is about the scale of a Gaussian likelihood, which "
                f"{type(model.likelihood).__name__} does not have. Use likelihood='gaussian', or "
                "zoo.schedules.Linear for β itself."
            )

    def value(self, step, model):
        """Returns β = s²/σ², s = start + (end - start) · step / steps."""
        pixel_scale = self.start + (self.end - self.start) * self._share(step)
        return (pixel_scale / tf.stop_gradient(model.likelihood.scale)) ** 2
