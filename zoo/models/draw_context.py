"""What the context images of a conditional ConvDRAW add to its recursion."""

import functools
import math
import types

import keras
import tensorflow as tf

from zoo.layers import grid_convolution
from zoo.models.conv_networks import LAYOUT, make_dense

__all__ = ["NO_SHARES", "ContextShares", "add_share", "check_shape"]

# What a model without context adds: nothing.
NO_SHARES = types.SimpleNamespace(encoder_gates=None, decoder_gates=None, prior=lambda step: None)

_LARGEST_GRID = 4  # Positions along an edge that the dense layers take in.
_LEAST_WIDTH = 32  # Layers narrower than those of so many filters may learn nothing.
_PRIOR_RANK = 16  # Channels of what the whole context says about a position at a step.


class ContextShares(keras.layers.Layer):
    """Encodes context images once, and gives their shares in what the recursion computes.

    A context may tell by its layout or by what it shows as a whole: the sum of two digits is a
    function of all of both, which convolutions on a grid of patches do not learn. So there are

    - features on the grid, by two convolutions with ELUs on the context's patches, and
    - a vector for the whole context (`_WholeContext`), which a dense layer lays on the grid.

    A convolution of a state beside the features is the sum of one of the state and one of the
    features, and the latter does not change from step to step: so it is computed here, once, for
    the encoder's gates, the decoder's gates and the prior. The prior has shares of its own, as the
    decoder's state is zero before the first step, and the vector gives it another at each step.

    [choice] The vector learns from the prior alone. What a context says about an image as a whole
    is what the rate can save; by way of the gates it would also receive the gradient of the error,
    which GECO weights by thousands. Runs with that noise left the context of MNIST-sum unused for
    5000 steps, one without it used it after 1000 (other settings differed, too).

    [choice] The layers are narrow where many outputs read them: the vector, and half the channels
    for the features. Wider ones took five sixths of the weights of a model that learned the sum of
    two digits no better, though the turning of one better (docs/RESULTS.md).

    Args:
        context_shape: (height, width, channels) of the context.
        num_steps: T, the number of steps of the recursion.
        stride: Edge of a patch, in pixels.
        filters: Channels of the recursion's states; the features have half as many.
        prior_filters: Channels of what the context is added to in the prior.
        kernel_size: Size of the convolutions on the grid of patches.
        **kwargs: As in `keras.layers.Layer`.
    """

    def __init__(
        self, context_shape, num_steps, stride, filters, prior_filters, kernel_size, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        channels = context_shape[-1]
        self._num_steps = num_steps
        self._stride = stride
        self._grid = grid = tuple(edge // stride for edge in context_shape[:2])
        num_positions = math.prod(grid)

        def conv(name, filters, inputs, use_bias=False):
            layer = keras.layers.Conv2D(
                filters,
                kernel_size,
                padding="same",
                data_format=LAYOUT,
                use_bias=use_bias,
                name=name,
            )
            layer.build((None, *grid, inputs))
            return layer

        width = max(filters, _LEAST_WIDTH)
        features = width // 2
        self.first = conv("context_first", features, channels * stride**2, use_bias=True)
        self.second = conv("context_second", features, features, use_bias=True)
        # Without biases: what they are added to has its own.
        self.encoder_gates = conv("context_to_encoder", 4 * filters, features)
        self.decoder_gates = conv("context_to_decoder", 4 * filters, features)
        self.prior = conv("context_to_prior", prior_filters, features)
        self.whole = _WholeContext(context_shape, filters, width, name="context_whole")
        self.whole_to_grid = make_dense(
            "context_whole_to_grid", num_positions * features, self.whole.size, use_bias=False
        )
        rank = min(_PRIOR_RANK, prior_filters)
        self.whole_to_steps = make_dense(
            "context_whole_to_steps",
            num_steps * num_positions * rank,
            self.whole.size,
            use_bias=False,
        )
        self.steps_to_prior = make_dense(
            "context_steps_to_prior", prior_filters, rank, use_bias=False
        )
        self.built = True

    def shares(self, context):
        """Encodes contexts `[B, height, width, channels]`.

        Returns:
            `encoder_gates` and `decoder_gates`, `[positions, B, 4 * filters]`, and `prior(step)`, a
            function to `[positions, B, prior_filters]`.
        """
        whole = self.whole(context)
        on_grid = functools.partial(grid_convolution, grid=self._grid, shared={})
        features = self._features(context, tf.stop_gradient(whole), on_grid)
        prior = on_grid(self.prior)(features)
        of_steps = tf.split(self.whole_to_steps(whole), self._num_steps, 1)
        of_steps = [self._of_step(vectors) for vectors in of_steps]
        return types.SimpleNamespace(
            encoder_gates=on_grid(self.encoder_gates)(features),
            decoder_gates=on_grid(self.decoder_gates)(features),
            prior=lambda step: prior + of_steps[step],
        )

    def _of_step(self, vectors):
        """Returns a step's share in the prior, `[positions, B, prior_filters]`."""
        return tf.cast(self.steps_to_prior(self._to_positions(vectors)), tf.float32)

    def _features(self, context, whole, on_grid):
        """Returns features `[positions, B, half the filters]`."""
        patches = self._to_positions(tf.nn.space_to_depth(context, self._stride))
        first = tf.nn.elu(on_grid(self.first)(patches))
        whole = self._to_positions(tf.cast(self.whole_to_grid(whole), tf.float32))
        return tf.nn.elu(on_grid(self.second)(first) + whole)

    def _to_positions(self, values):
        """Lays `[B, positions * channels]`, of any shape, out as `[positions, B, channels]`."""
        num_positions = math.prod(self._grid)
        channels = math.prod(values.shape[1:]) // num_positions
        return tf.transpose(tf.reshape(values, [-1, num_positions, channels]), [1, 0, 2])


class _WholeContext(keras.layers.Layer):
    """Turns contexts `[B, height, width, channels]` into vectors `[B, size]`.

    The same convolutions, which halve the grid, and dense layer look at each channel as an image of
    its own; then products of pairs of dense features, and a dense layer, relate the channels.

    [choice] In contexts channels are images as a rule, and a network for each of them left a third
    of the errors on the sum of two digits that a network for all at once did; channels of another
    kind still meet in the dense layers and in the features on the grid. Neither digit alone tells
    anything of their sum, so at first there is next to nothing to learn from: products, ReLUs and
    He's initialisation shorten that time.
    """

    def __init__(self, context_shape, filters, width, **kwargs):
        super().__init__(autocast=False, **kwargs)
        *grid, self._channels = context_shape
        self.size = 2 * width
        self.convs, inputs = [], 1
        while len(self.convs) < 2 or max(grid) > _LARGEST_GRID:
            layer = keras.layers.Conv2D(
                filters,
                5,
                strides=2,
                padding="same",
                data_format=LAYOUT,
                activation="relu",
                kernel_initializer="he_normal",
                name=f"context_conv_{len(self.convs) + 1}",
            )
            layer.build((None, *grid, inputs))
            self.convs.append(layer)
            grid, inputs = [-(-edge // 2) for edge in grid], filters
        he = {"kernel_initializer": "he_normal"}
        of_channel, products = 3 * width, 4 * width
        self.of_channel = make_dense(
            "context_of_channel", of_channel, math.prod(grid) * filters, activation="relu", **he
        )
        self.factors = make_dense(
            "context_factors", 2 * products, self._channels * of_channel, **he
        )
        self.joint = make_dense("context_joint", self.size, products, activation="relu", **he)
        self.built = True

    def call(self, context):
        """Returns vectors `[B, size]` in the layer's compute dtype."""
        features = tf.transpose(context, [0, 3, 1, 2])
        features = tf.reshape(features, [-1, *context.shape[1:3], 1])
        for conv in self.convs:
            features = conv(features)
        features = self.of_channel(tf.reshape(features, [-1, math.prod(features.shape[1:])]))
        features = tf.reshape(features, [-1, self._channels * features.shape[-1]])
        factor, other_factor = tf.split(self.factors(features), 2, axis=-1)
        return self.joint(factor * other_factor)


def add_share(outputs, share):
    """Adds a share of the context, if there is one, to what a convolution gave."""
    return outputs if share is None else outputs + share


def check_shape(context_shape, image_shape):
    """Refuses a context that cannot be laid on the images' grid of patches.

    Raises:
        ValueError: Its height and width are not those of the images.
    """
    if context_shape is not None and context_shape[:2] != image_shape[:2]:
        raise ValueError(
            "ConvDRAW lays the context on the images' grid of patches, so it must have the height "
            f"and width of image_shape={image_shape}. Received: context_shape={context_shape}. "
            "Resize or pad the context images; several images can be the channels of one context."
        )
