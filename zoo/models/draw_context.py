"""What the context images of a conditional ConvDRAW add to its recursion."""

import types

import keras
import tensorflow as tf

from zoo.layers import grid_convolution

__all__ = ["NO_SHARES", "ContextShares", "add_share", "check_rows", "check_shape"]

# What a model without context adds: nothing.
NO_SHARES = types.SimpleNamespace(encoder_gates=None, decoder_gates=None, prior=None)


class ContextShares(keras.layers.Layer):
    """Encodes context images once, and gives their shares in what the recursion computes.

    Two convolutions with ELUs turn patches of the context into features. A convolution of a state
    beside the features is the sum of one of the state and one of the features, and the latter does
    not change from step to step: so it is computed here, once, for the encoder's gates, the
    decoder's gates and the prior. The prior needs a share of its own, as the decoder's state is
    zero before the first step.

    Args:
        grid: (height, width) of the grid of patches.
        patch_channels: Channels of a patch of the context.
        filters: Channels of the features and of the recursion's states.
        latent_filters: Channels of each step's latents.
        kernel_size: Size of the convolutions.
        **kwargs: As of `keras.layers.Layer`.
    """

    def __init__(self, grid, patch_channels, filters, latent_filters, kernel_size, **kwargs):
        super().__init__(**kwargs)
        self._grid = grid

        def conv(name, filters, inputs, use_bias=False):
            layer = keras.layers.Conv2D(
                filters, kernel_size, padding="same", use_bias=use_bias, name=name
            )
            layer.build((None, *grid, inputs))
            return layer

        self.first = conv("context_first", filters, patch_channels, use_bias=True)
        self.second = conv("context_second", filters, filters, use_bias=True)
        # Without biases: what they are added to has its own.
        self.encoder_gates = conv("context_to_encoder", 4 * filters, filters)
        self.decoder_gates = conv("context_to_decoder", 4 * filters, filters)
        self.prior = conv("context_to_prior", 2 * latent_filters, filters)
        self.built = True

    def shares(self, patches):
        """Gives the shares, `[positions, B, ...]`, of patches `[positions, B, patch_channels]`."""
        features = patches
        for layer in (self.first, self.second):
            features = tf.nn.elu(grid_convolution(layer, self._grid)(features))
        return types.SimpleNamespace(
            encoder_gates=grid_convolution(self.encoder_gates, self._grid)(features),
            decoder_gates=grid_convolution(self.decoder_gates, self._grid)(features),
            prior=grid_convolution(self.prior, self._grid)(features),
        )


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


def check_rows(context, rows):
    """Refuses a context that would be stretched over several rows, where the sizes are known.

    Raises:
        ValueError: The context has not as many rows as the tensor `rows`.
    """
    if not context.shape[:1].is_compatible_with(rows.shape[:1]):
        raise ValueError(
            f"There must be a context for each of the {rows.shape[0]} images or samples. Received: "
            f"{context.shape[0]} contexts. Repeat them with tf.repeat(context, times, axis=0)."
        )
