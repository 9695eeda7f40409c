"""What every constraint is: a value for each example, feasible where its mean is at most 0."""

import re

import keras

__all__ = ["Constraint"]


class Constraint(keras.layers.Layer):
    """Bounds the mean over the data of a value computed from an image and its reconstruction.

    A subclass defines `values(record)`; `signal` and `initial_multiplier` have sensible defaults.

    Args:
        tolerance: The bound; its unit and direction are the subclass's.
        name: Prefix of the logged `<name>_violation` and `<name>_multiplier`; by default the class
            name in snake case.
    """

    def __init__(self, tolerance, name=None, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(name=name or _snake_case(type(self).__name__), **kwargs)
        self.tolerance = tolerance

    def check(self, model):
        """Raises ValueError if the constraint is undefined for the model."""
        if not model.likelihood.has_mean:
            raise ValueError(
                f"{type(self).__name__} bounds the mean reconstruction, which "
                f"{type(model).__name__} does not have in closed form. Choose another objective."
            )

    def values(self, record):
        """Gives the constraint's value for each example, float32 `[B]`."""
        raise NotImplementedError

    def signal(self, violation):
        """An increasing, scale-free function of the mean violation, zero where it is zero.

        It drives GECO's default update of the log multiplier; ±0.5 and beyond count as far off.
        The default suits violations whose natural unit is 1, such as an accuracy.
        """
        return violation

    def initial_multiplier(self, image_shape):
        """Where GECO's default update starts the multiplier, in nats per unit of the value."""
        del image_shape
        return 1.0

    def get_config(self):
        """Gives the constructor's arguments."""
        return {"name": self.name, "dtype": "float32", "tolerance": self.tolerance}


def _snake_case(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
