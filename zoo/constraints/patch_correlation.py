"""The patch normalised cross-correlation of Taming VAEs, Table 1 (pNCC)."""

import tensorflow as tf

from zoo import checks, papers, registry
from zoo.constraints.constraint import ErrorConstraint
from zoo.constraints.patches import as_patch_sizes, check_patches, patch_means

__all__ = ["PatchCorrelation"]

# A patch of the image counts as flat below this standard deviation, 2.5 of 255 grey levels: the
# correlation with it would be one with noise.
_FLAT = 0.01
# Added to the variances of a reconstruction's patches, in squared pixel units, so that a flat one
# has a correlation of 0 and a finite gradient. It lowers a correlation by at most 0.5%.
_EPSILON = 1e-6


@registry.register("constraint", package="zoo.constraints")
class PatchCorrelation(ErrorConstraint):
    """Bounds from below how well patches of image and reconstruction correlate.

    C(x, g) = κ - mean_i ψ(x, i)ᵀ ψ(g, i), where ψ(·, i) is the patch at location i less its mean,
    divided by its norm (Taming VAEs, Table 1). A larger κ asks for more. Brightness and contrast of
    each patch are free; bound them too, by another constraint, where they matter.

    [choice] A patch is all channels at its location, with one mean and one norm, so that colours
    within a patch count. The mean runs over the patches of x that are not flat (standard deviation
    of at least 0.01), whatever g is there; an image of flat patches alone has the value 0, so it
    neither meets nor violates the bound. To each variance of g 1e-6 is added, so that a flat patch
    of g correlates with nothing.

    Args:
        tolerance: κ in (-1, 1), the mean correlation to reach.
        patch_size: Side of a patch in pixels [choice: 8].
        stride: Distance of neighbouring patches in pixels; None means half the patch [choice].

    Raises:
        ValueError: The tolerance is not in (-1, 1), or a size is no positive int. On compiling: the
            patches do not cover the model's images.

    Example:
        >>> zoo.GECO(zoo.constraints.PatchCorrelation(tolerance=0.9))
    """

    citations = (papers.TAMING_VAES,)
    short_name = "pNCC"

    def __init__(self, tolerance, patch_size=8, stride=None, name=None, **kwargs):
        tolerance = checks.number(
            "tolerance",
            tolerance,
            above=-1,
            below=1,
            why="the mean correlation of patches that reconstructions must reach, such as 0.9",
        )
        super().__init__(tolerance, name=name, **kwargs)
        self.patch_size, self.stride = as_patch_sizes(patch_size, stride)

    def check(self, model):
        """Raises ValueError if the patches do not cover the model's images."""
        super().check(model)
        check_patches(model.image_shape, self.patch_size, self.stride)

    def values(self, record):
        """Returns κ less the mean correlation, float32 `[B]`, between κ - 1 and κ + 1."""
        correlations, weights = self._correlations(record.images, record.reconstruction)
        shortfall = weights * (self.tolerance - correlations)
        return tf.math.divide_no_nan(
            tf.reduce_sum(shortfall, axis=(1, 2)), tf.reduce_sum(weights, axis=(1, 2))
        )

    def _correlations(self, images, others):
        """Returns each patch's correlation, and 1 or 0 for whether it counts, `[B, rows, columns]`.

        Moments about the middle of the pixel range keep differences of them exact to about 3e-8.
        """
        images, others = images - 0.5, others - 0.5
        mean, other_mean = self._means(images), self._means(others)
        variance = self._means(images**2) - mean**2
        other_variance = tf.nn.relu(self._means(others**2) - other_mean**2)
        covariance = self._means(images * others) - mean * other_mean
        is_counted = variance >= _FLAT**2
        variance = tf.where(is_counted, variance, 1.0)
        correlations = covariance * tf.math.rsqrt(variance * (other_variance + _EPSILON))
        return correlations, tf.cast(is_counted, tf.float32)

    def _means(self, images):
        return tf.reduce_mean(patch_means(images, self.patch_size, self.stride), axis=-1)

    @property
    def scale(self):
        """1 - κ: what the mean correlation may fall short of 1."""
        return 1.0 - self.tolerance

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {"": lambda: cls(0.6, patch_size=4, stride=2, name="correlation")}
