"""The feature reconstruction error of Taming VAEs, Table 1 (FRE)."""

import numpy as np
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.constraints.constraint import ErrorConstraint
from zoo.constraints.frozen_network import FrozenNetwork, example_network, load_classifier
from zoo.constraints.patches import as_patch_sizes, check_patches, patch_variances

__all__ = ["FeatureReconstructionError"]

# Under the square root of a variance, in squared pixel units: the gradient of a flat patch's
# standard deviation would be infinite. It moves a standard deviation by at most 0.001.
_EPSILON = 1e-6


@registry.register("constraint", package="zoo.constraints")
class FeatureReconstructionError(ErrorConstraint):
    """Bounds the root mean squared error of features of the reconstructions.

    C(x, g) = mean over features of (f(x) - f(g))² - κ² (Taming VAEs, Table 1). A smaller κ asks
    for more. What f does not see is not constrained.

    Args:
        tolerance: κ > 0, in units of the features.
        features: f, a built Keras model from images `[B, H, W, C]` to features of any shape, such
            as a classifier cut before its last layer. It is copied as it is now, run in inference
            mode and never trained; see `zoo.constraints.frozen_network`. A name or path: the
            features of the `zoo.ConvClassifier` that `zoo.load` finds there. None: the mean and the
            standard deviation sqrt(variance + 1e-6) of each patch, a channel at a time [choice], in
            pixel units, which need no training.
        patch_size: Side of a patch in pixels, where `features` is None [choice: 8].
        stride: Distance of neighbouring patches in pixels; None means half the patch [choice].

    Raises:
        ValueError: The tolerance is not a positive finite number, or the features cannot be had.
            On compiling: the features do not take the model's images, or the patches do not cover
            them.

    Example:
        >>> zoo.GECO(zoo.constraints.FeatureReconstructionError(tolerance=0.05))
        >>> features = classifier.features  # of a zoo.ConvClassifier
        >>> zoo.GECO(zoo.constraints.FeatureReconstructionError(0.3, features=features))
    """

    citations = (papers.TAMING_VAES,)
    short_name = "FRE"

    def __init__(self, tolerance, features=None, patch_size=8, stride=None, name=None, **kwargs):
        tolerance = checks.number(
            "tolerance",
            tolerance,
            above=0,
            why="the root mean squared error, in units of the features, that the reconstructions' "
            "features may have",
        )
        super().__init__(tolerance, name=name, **kwargs)
        self.patch_size, self.stride = as_patch_sizes(patch_size, stride)
        if isinstance(features, str):
            features = load_classifier(features).features
        if features is not None and (self.patch_size, self.stride) != as_patch_sizes(8, None):
            raise ValueError(
                "patch_size and stride are about patches, in place of which features= is given. "
                f"Leave them out. Received: patch_size={patch_size!r}, stride={stride!r}"
            )
        if features is not None and not isinstance(features, FrozenNetwork):
            features = FrozenNetwork(features)
        self.features = features
        self.built = True

    def check(self, model):
        """Raises ValueError if the features do not take the model's images."""
        super().check(model)
        if self.features is None:
            check_patches(model.image_shape, self.patch_size, self.stride)
        else:
            self.features.output_shape(model.image_shape)

    def values(self, record):
        """Returns mean (f(x) - f(g))² - κ², float32 `[B]`, in squared units of the features."""
        expected = tf.stop_gradient(self._features(record.images))
        error = (expected - self._features(record.reconstruction)) ** 2
        return tf.reduce_mean(error, axis=tuple(range(1, error.shape.rank))) - self.tolerance**2

    def _features(self, images):
        if self.features is not None:
            return self.features(images)
        means, variances = patch_variances(images, self.patch_size, self.stride)
        return tf.concat([means, tf.sqrt(variances + _EPSILON)], axis=-1)

    @property
    def scale(self):
        """κ², in squared units of the features."""
        return self.tolerance**2

    def initial_multiplier(self, image_shape):
        """Returns n/(2κ²), as a Gaussian of scale κ over n features weights their squared errors.

        n is at most the number of pixels: an image has no more to say.
        """
        num_pixels = np.prod(image_shape)
        if self.features is None:
            rows, columns = (
                (side - self.patch_size) // self.stride + 1 for side in image_shape[:2]
            )
            num_features = 2 * rows * columns * image_shape[2]
        else:
            shape = self.features.output_shape(image_shape)
            num_features = np.prod([size or num_pixels for size in shape])
        return float(min(num_features, num_pixels)) / (2.0 * self.scale)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {
            "": lambda: cls(0.3, patch_size=4, stride=2, name="patches"),
            "features": lambda: cls(0.3, features=example_network(image_shape), name="features"),
        }
