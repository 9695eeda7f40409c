"""A constraint by a function of one's own."""

import keras
import tensorflow as tf

from zoo import checks, registry
from zoo.constraints.constraint import Constraint

__all__ = ["Custom"]


@registry.register("constraint", package="zoo.constraints")
class Custom(Constraint):
    """Bounds from above the mean of any function of the record.

    C = function(record) - tolerance. A smaller tolerance asks for more; to bound from below,
    negate both. For a start and a signal of your own, subclass `zoo.constraints.Constraint`.

    Args:
        function: From a `zoo.Record` to `[B]`, written with TensorFlow or `keras.ops` so that
            gradients reach the reconstruction (or whatever of the record it bounds). To save the
            model, decorate it with `keras.saving.register_keras_serializable()`. Or the name that
            gives it, "package>name", such as a recipe holds.
        tolerance: The bound, a finite number in the function's unit.
        name: Prefix of the logs; by default the function's name.
        scale: The violation that counts as 1, above 0, in the function's unit: a difference about
            which you would start to care. None means |tolerance|, or 1 where that is 0. The
            multiplier starts at 1 / scale.

    Raises:
        ValueError: The function is not callable or gives another shape than `[B]`, the tolerance is
            no finite number, or the scale is not above 0. On saving: the function is not
            registered.

    Example:
        >>> @keras.saving.register_keras_serializable("mine")
        ... def darkening(record):
        ...     return tf.reduce_mean(record.images - record.reconstruction, axis=(1, 2, 3))
        >>> zoo.GECO(zoo.constraints.Custom(darkening, tolerance=0.01))
    """

    def __init__(self, function, tolerance, name=None, scale=None, **kwargs):
        if isinstance(function, str):
            function = keras.saving.get_registered_object(function) or function
        if not callable(function):
            raise ValueError(
                "Custom takes a function from a zoo.Record to a value for each example, or the "
                "registered name of one, package>name. "
                f"Received: function={function!r}"
            )
        tolerance = checks.number("tolerance", tolerance)
        if scale is not None:
            checks.number("scale", scale, above=0)
        name = name or getattr(function, "__name__", "custom").strip("<>")
        super().__init__(tolerance, name=name, **kwargs)
        self.function = function
        self._scale = scale

    def check(self, model):
        """Refuses no model: what the function needs of the record is not known here."""

    def values(self, record):
        """Returns function(record) - tolerance, float32 `[B]`."""
        values = tf.convert_to_tensor(self.function(record))
        if values.shape.rank != 1:
            raise ValueError(
                f"The function of {self.name!r} must give one value for each example, of shape "
                f"[batch]. Received: shape {tuple(values.shape)}. Average over the other axes."
            )
        return tf.cast(values, tf.float32) - self.tolerance

    @property
    def scale(self):
        """The violation that counts as 1, in the function's unit."""
        return float(self._scale or abs(self.tolerance) or 1.0)

    def get_config(self):
        """Returns the constructor's arguments.

        Raises:
            ValueError: The function is not registered with Keras.
        """
        registered = keras.saving.get_registered_name(self.function)
        if keras.saving.get_registered_object(registered) is not self.function:
            raise ValueError(
                f"The constraint {self.name!r} can be saved only if its function is registered: "
                "define it by `def` and decorate it with "
                "@keras.saving.register_keras_serializable(). Received: "
                f"function={self.function!r}"
            )
        return super().get_config() | {"scale": self._scale}

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {"": lambda: cls(_darkening, 0.05, name="darkening", scale=0.1)}


@keras.saving.register_keras_serializable("zoo.constraints", name="darkening")
def _darkening(record):
    """By how much reconstructions are too dark on average, squared, `[B]`: the example."""
    return tf.reduce_mean(record.images - record.reconstruction, axis=(1, 2, 3)) ** 2
