"""A small residual network from images to the features that a classifier tells classes by."""

import keras
import tensorflow as tf

from zoo import checks
from zoo.configured import Configured
from zoo.layers import NormalizedConvolution

__all__ = ["ConvFeatures"]


@keras.saving.register_keras_serializable("zoo")
class ConvFeatures(Configured, keras.Model):
    """A small residual network from images to features, built after the ResNet-9 of Page (2018).

    A 3x3 convolution, then stages that halve the grid and add a residual of two convolutions, then
    the maximum over what is left of the grid. It computes in float32 whatever the policy, always as
    in inference: equal images have equal features, and nothing of it changes when it is called.
    Source: D. Page, "How to train your ResNet" (2018), with a residual in every stage [choice].

    Args:
        image_shape: (height, width, channels).
        filters: Channels of the first convolution and of each stage.

    Raises:
        ValueError: One of them is no such shape or has no positive ints.

    Example:
        >>> features = zoo.load("classifier_mnist").features
        >>> zoo.GECO(zoo.constraints.FeatureReconstructionError(0.3, features=features))
    """

    def __init__(self, image_shape, filters=(16, 32, 96, 192), **kwargs):
        super().__init__(autocast=False, **({"dtype": "float32"} | kwargs))
        self.image_shape = checks.image_shape("image_shape", image_shape)
        self.filters = checks.integers("filters", filters)
        self.stem = NormalizedConvolution(self.image_shape[2], self.filters[0])
        self.stages = [
            (
                NormalizedConvolution(before, width, pool=True),
                NormalizedConvolution(width, width),
                NormalizedConvolution(width, width),
            )
            for before, width in zip(self.filters, self.filters[1:], strict=False)
        ]
        self.built = True

    def call(self, images, training=None):
        """Returns the features of images.

        Args:
            images: `[B, H, W, C]`, uint8 or floats, pixels in [0, 1]; a reconstruction that leaves
                that range is looked at as it is.
            training: Has no effect.

        Returns:
            Features of no unit, at least 0, float32 `[B, filters[-1]]`.

        Raises:
            ValueError: Images of another shape.
        """
        return self.forward(_as_floats(images, self.image_shape), training=False)

    def forward(self, images, training):
        """Returns float32 features in either mode of batch normalisation; a call is inference.

        With `training` the moving averages move within, so also where the loss fails a step.

        Args:
            images: `[B, H, W, C]` in [0, 1]; the convolutions compute in its dtype.
            training: Whether to normalise by the batch, towards which the averages then move.
        """
        # The zeros around an image are then a middle grey.
        grid = self.stem(images - 0.5, training=training)
        for reduce, first, second in self.stages:
            grid = reduce(grid, training=training)
            grid = grid + second(first(grid, training=training), training=training)
        return tf.cast(tf.reduce_max(grid, axis=(1, 2)), tf.float32)


def _as_floats(images, shape):
    """Turns a batch into float32 `[B, *shape]`; uint8 is divided by 255."""
    images = tf.convert_to_tensor(images)
    if images.shape.rank != 4 or not images.shape[1:].is_compatible_with(shape):
        raise ValueError(
            f"This network takes images of shape [batch, {', '.join(map(str, shape))}] (height, "
            f"width, channels). Received images of shape {tuple(images.shape)}."
        )
    scale = 255.0 if images.dtype == tf.uint8 else 1.0
    return tf.cast(images, tf.float32) / scale
