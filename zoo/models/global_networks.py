"""The networks of latents for a whole image, with which ConvDRAW may begin."""

import keras
import tensorflow as tf

from zoo.distributions import normals
from zoo.models.conv_networks import ACTIVATION, LAYOUT, make_dense, make_encoder

__all__ = ["GlobalNetworks"]

_LARGEST_GRID = 8  # Positions along an edge that the encoder's dense layer takes in.


class GlobalNetworks(keras.layers.Layer):
    """q(z_0|x), a normal, and the canvas and decoder state that a z_0 has ConvDRAW begin with.

    [choice] The widths follow the states' `filters`; the vector moves the state before the first
    step, which every later step and its prior read, and no step by itself.

    Args:
        image_shape: (height, width, channels).
        num_latents: Size of z_0.
        grid: (height, width) of the grid of patches.
        filters: Channels of the decoder's state.
        canvas: Channels of the canvas.
        **kwargs: As in `keras.layers.Layer`.
    """

    def __init__(self, image_shape, num_latents, grid, filters, canvas, **kwargs):
        super().__init__(autocast=False, **kwargs)
        hidden = 4 * filters
        self.encoder = make_encoder(image_shape, _halvings(image_shape, filters), hidden)
        self.posterior_head = make_dense("posterior", 2 * num_latents, hidden, dtype="float32")
        self.hidden = make_dense("hidden", hidden, num_latents, activation=ACTIVATION)
        size = grid[0] * grid[1] * filters
        self.to_grid = make_dense("to_grid", size, hidden, activation=ACTIVATION)
        self.on_grid = keras.layers.Reshape((*grid, filters))
        self.to_canvas = make_dense("to_canvas", canvas, filters)
        self.to_state = keras.layers.Conv2D(2 * filters, 3, 1, "same", LAYOUT, name="to_state")
        self.to_state.build((None, *grid, filters))
        self.built = True

    def posterior(self, images):
        """Returns q(z_0|x), a TFP normal `[B, num_latents]`, for images `[B, H, W, C]`."""
        return normals.normal_from_parameters(self.posterior_head(self.encoder(images)))

    def start(self, latents):
        """Returns what is added to the initial canvas, and the decoder's state, for z_0 `[B, d]`.

        Returns:
            float32 maps `[B, h, w, channels]`: the canvas's share, and an LSTM's output and cell.
        """
        features = self.on_grid(self.to_grid(self.hidden(latents)))
        state = tf.cast(self.to_state(features), tf.float32)
        output, cell = tf.split(state, 2, axis=-1)
        return tf.cast(self.to_canvas(features), tf.float32), (tf.tanh(output), cell)


def _halvings(image_shape, filters):
    """Returns the filters of as many stride-2 convolutions as lead to a grid that is small."""
    edge, numbers = max(image_shape[:2]), []
    while not numbers or edge > _LARGEST_GRID:
        numbers.append(min(len(numbers) + 1, 2) * filters)
        edge = -(-edge // 2)
    return numbers
