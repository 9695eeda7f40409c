"""The reconstruction error of Taming VAEs, Table 1 (RE)."""

import tensorflow as tf

from zoo import checks, registry
from zoo.constraints.constraint import ErrorConstraint

__all__ = ["ReconstructionError"]


@registry.register("constraint", package="zoo.constraints")
class ReconstructionError(ErrorConstraint):
    """Bounds the root mean squared error of reconstructions, in pixel units.

    C(x, g) = mean over pixels of (x - g)² - κ² (Taming VAEs, Table 1). [choice] The mean over the
    D = H·W·C pixels, where the paper prints a sum, makes κ an RMS error and the multiplier
    D/(2σ²) of a Gaussian likelihood of scale σ. A smaller κ asks for more.

    Args:
        tolerance: κ > 0, in units of pixels in [0, 1]; the paper uses 0.06 to 0.175.

    Raises:
        ValueError: The tolerance is not a positive finite number.

    Example:
        >>> zoo.GECO(zoo.constraints.ReconstructionError(tolerance=0.1))
    """

    short_name = "RE"

    def __init__(self, tolerance, name=None, **kwargs):
        tolerance = checks.number(
            "tolerance",
            tolerance,
            above=0,
            why="the root mean squared error in pixel units (pixels in [0, 1]) that "
            "reconstructions may have, such as 0.1",
        )
        super().__init__(tolerance, name=name, **kwargs)

    def values(self, record):
        """Returns mean (x - g)² - κ², float32 `[B]`, in squared pixel units."""
        return record.squared_error - self.tolerance**2

    @property
    def scale(self):
        """κ², in squared pixel units."""
        return self.tolerance**2

    def log_discount(self, violation):
        """Returns log(error / κ²) where the error is too large: λ is D/(2 error), as in the ELBO.

        There the scale of a Gaussian likelihood is the running σ*, the root of the error, so that
        errors weigh little while they are large. With the full weight from the first step a run
        ends at more nats for the same error.
        """
        return tf.math.log1p(tf.nn.relu(violation) / self.scale)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        # Near the error of untrained models, so that the multiplier moves at once.
        return {"": lambda: cls(0.6, name="error")}
