"""The reconstruction error of Taming VAEs, Table 1 (RE)."""

import tensorflow as tf

from zoo import checks, papers, registry
from zoo.constraints.constraint import ErrorConstraint
from zoo.tolerance_range import ToleranceRange, check_range

__all__ = ["ReconstructionError"]


@registry.register("constraint", package="zoo.constraints")
class ReconstructionError(ErrorConstraint):
    """Bounds the root mean squared error of reconstructions, in pixel units.

    C(x, g) = mean over pixels of (x - g)² - κ² (Taming VAEs, Table 1). [choice] The mean over the
    D = H·W·C pixels, where the paper prints a sum, makes κ an RMS error and the multiplier
    D/(2σ²) of a Gaussian likelihood of scale σ. A smaller κ asks for more.

    A range of tolerances is for a model with the same `tolerance_range`: each example has a κ of
    its own, and C = error/κ² - 1 has no unit, since κ² spans an order of magnitude. GECO then
    keeps a table of multipliers over knots in log κ; see `zoo.objectives.multiplier_table`.

    Args:
        tolerance: κ, above 0 and at most 1, in units of pixels in [0, 1]; the paper uses 0.06 to
            0.175. Or a range of them, (least, most).
        name: As in `zoo.constraints.Constraint`.
        knots: Number of knots of a range's table.

    Raises:
        ValueError: The tolerance is neither a number above 0 and at most 1 nor a range of them, or
            `knots` is no positive int.

    Example:
        >>> zoo.GECO(zoo.constraints.ReconstructionError(tolerance=0.1))
        >>> zoo.GECO(zoo.constraints.ReconstructionError(tolerance=(0.06, 0.175)))
    """

    citations = (papers.TAMING_VAES,)
    short_name = "RE"

    def __init__(self, tolerance, name=None, knots=8, **kwargs):
        has_range = hasattr(tolerance, "__len__") and not isinstance(tolerance, str)
        if has_range:
            tolerance = check_range("tolerance", tolerance)
        else:
            tolerance = checks.number("tolerance", tolerance, **checks.PIXEL_ERROR)
        super().__init__(tolerance, name=name, **kwargs)
        self.knots = checks.integer("knots", knots)
        self.range = ToleranceRange(*tolerance) if has_range else None

    def values(self, record):
        """Returns mean (x - g)² - κ², float32 `[B]`, in squared pixel units.

        Of a range mean (x - g)² / κ² - 1, with each row's own κ.
        """
        if self.range is not None:
            return record.squared_error / record.tolerance**2 - 1.0
        return record.squared_error - self.tolerance**2

    @property
    def scale(self):
        """κ², in squared pixel units; of a range, whose values are relative, 1."""
        return 1.0 if self.range is not None else self.tolerance**2

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
        return {
            # Near the error of untrained models, so that the multiplier moves at once.
            "": lambda: cls(0.6, name="error"),
            "range": lambda: cls((0.3, 0.6), name="error", knots=3),
        }
