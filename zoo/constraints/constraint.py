"""What every constraint is: a value for each example, feasible where its mean is at most 0."""

import math

import keras
import tensorflow as tf

from zoo import registry
from zoo.configured import Configured

__all__ = ["Constraint", "ErrorConstraint"]


class Constraint(Configured, keras.layers.Layer):
    """Bounds the mean over the data of a value computed from an image and its reconstruction.

    A subclass defines `values(record)`; `scale`, `signal` and `initial_multiplier` have sensible
    defaults. `zoo.constraints.Custom` makes one from a function.

    Attributes:
        range: The `zoo.tolerance_range.ToleranceRange` of a constraint that bounds each example
            by a tolerance of its own, which only the reconstruction error does; else None.

    Args:
        tolerance: The bound; its unit and direction are the subclass's.
        name: Prefix of the logged `<name>_violation` and `<name>_multiplier`; by default the class
            name in snake case.

    Example:
        >>> @keras.saving.register_keras_serializable("mine")
        ... class BrightnessError(zoo.constraints.Constraint):
        ...     def values(self, record):
        ...         too_dark = tf.reduce_mean(record.images - record.reconstruction, axis=(1, 2, 3))
        ...         return too_dark**2 - self.tolerance**2
        ...     @property
        ...     def scale(self):
        ...         return self.tolerance**2
        >>> objective = zoo.GECO(BrightnessError(tolerance=0.02))
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=objective)
    """

    range = None

    def __init__(self, tolerance, name=None, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(name=name or registry.snake_case(type(self).__name__), **kwargs)
        self.tolerance = tolerance

    def check(self, model):
        """Raises ValueError if the constraint is undefined for the model."""
        if not model.has_mean:
            raise ValueError(
                f"{type(self).__name__} bounds the mean reconstruction, which "
                f"{type(model).__name__} does not have in closed form. Choose another objective."
            )

    def values(self, record):
        """Returns the constraint's value for each example, float32 `[B]`."""
        raise NotImplementedError

    @property
    def scale(self):
        """The violation that counts as 1 when constraints are compared, a float above 0."""
        return 1.0

    def signal(self, violation):
        """An increasing, scale-free function of the mean violation, zero where it is zero.

        It drives GECO's default update of the log multiplier; ±0.5 and beyond count as far off.
        """
        return violation / self.scale

    def initial_multiplier(self, image_shape):
        """Where GECO's default update starts the multiplier, in nats per unit of the value."""
        return 1.0 / self.scale

    def log_discount(self, violation):
        """By how much GECO's default update lowers log λ at a violation, at least 0: by nothing."""
        return tf.zeros_like(violation)


class ErrorConstraint(Constraint):
    """A constraint whose value is an error, which is never below 0, less its `scale`."""

    def signal(self, violation):
        """Returns log(error / scale), the same for every scale and symmetric about it.

        An error of twice the scale and one of half of it are equally far off.
        """
        return tf.math.log(tf.maximum(1.0 + violation / self.scale, 1e-6))

    def initial_multiplier(self, image_shape):
        """Returns D/(2 scale): at the tolerance D pixels weigh as in a Gaussian likelihood.

        For the reconstruction error, of scale κ², that is the weight that squared errors have in
        the ELBO with scale σ = κ.
        """
        return math.prod(image_shape) / (2.0 * self.scale)
