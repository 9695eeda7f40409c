"""PixelCNN++ (Salimans et al. 2017), conditioned on latents: an image, pixel by pixel."""

import keras
import tensorflow as tf

from zoo.layers.causal_convolution import COLUMNS, ROWS, CausalConvolution

__all__ = ["PixelCNN"]


def concat_elu(inputs):
    """ELU of the inputs and of their negatives, side by side: twice the channels."""
    return tf.nn.elu(tf.concat([inputs, -inputs], axis=-1))


class GatedBlock(keras.layers.Layer):
    """Adds to its inputs what two causal convolutions and a gate make of them.

    The second convolution starts at zero, so that a block starts by adding what the latents say.

    Args:
        filters: Channels of inputs and outputs.
        kernel_size: (rows, columns) of both convolutions.
        axis: Their causal axis.
    """

    def __init__(self, filters, kernel_size, axis, **kwargs):
        super().__init__(**kwargs)
        self.first = CausalConvolution(2 * filters, filters, kernel_size, axis)
        self.second = CausalConvolution(2 * filters, 2 * filters, kernel_size, axis, "zeros")
        self.built = True

    def blank_memory(self, batch, length):
        """What both convolutions remember before the first part."""
        return (self.first.blank_memory(batch, length), self.second.blank_memory(batch, length))

    def advance(self, inputs, memory, condition, addition=None):
        """Processes the next part, `[B, h, w, filters]`.

        Args:
            inputs: The part.
            memory: What is remembered of the parts before.
            condition: What the latents add before the gate, `[B, 1, 1, 2 * filters]`.
            addition: What another stream adds between the convolutions, `[B, h, w, filters]`.

        Returns:
            The outputs and the next memory.
        """
        hidden, first = self.first.advance(concat_elu(inputs), memory[0])
        if addition is not None:
            hidden += addition
        hidden, second = self.second.advance(concat_elu(hidden), memory[1])
        values, gates = tf.split(hidden + condition, 2, axis=-1)
        return inputs + values * tf.sigmoid(gates), (first, second)


class Stream(keras.layers.Layer):
    """A causal convolution and gated blocks, all causal along one axis.

    Args:
        input_filters: Channels of the inputs.
        filters: Channels of the blocks.
        num_blocks: Number of blocks.
        first_kernel_size: (rows, columns) of the convolution.
        kernel_size: (rows, columns) of the blocks' convolutions.
        axis: The causal axis.
    """

    def __init__(
        self, input_filters, filters, num_blocks, first_kernel_size, kernel_size, axis, **kwargs
    ):
        super().__init__(**kwargs)
        self.first = CausalConvolution(input_filters, filters, first_kernel_size, axis)
        self.blocks = [GatedBlock(filters, kernel_size, axis) for _ in range(num_blocks)]
        self.built = True

    def blank_memory(self, batch, length):
        """What its convolutions remember before the first part."""
        return tuple(layer.blank_memory(batch, length) for layer in (self.first, *self.blocks))

    def advance(self, inputs, memory, conditions, additions=None):
        """Processes the next part; `conditions` and `additions` have one tensor a block.

        Returns:
            A list of the outputs of each block, `[B, h, w, filters]`, and the next memory.
        """
        hidden, first = self.first.advance(inputs, memory[0])
        outputs, memories = [], [first]
        additions = additions or [None] * len(self.blocks)
        for block, remembered, condition, addition in zip(
            self.blocks, memory[1:], conditions, additions, strict=True
        ):
            hidden, remembered = block.advance(hidden, remembered, condition, addition)
            outputs.append(hidden)
            memories.append(remembered)
        return outputs, tuple(memories)


class PixelCNN(keras.layers.Layer):
    """Maps images and latents to parameters of each pixel given the pixels before it and z.

    Two streams of gated blocks. The down-shifted one sees the rows above a pixel, and tells the
    right-shifted one, which sees the pixels to the left in the same row, at every block. Latents
    enter every block of both by a linear map without bias, before the gate.

    [choice] Where PixelCNN++ halves and doubles the resolution, this keeps it and starts with a
    larger kernel instead, so that sampling can go pixel by pixel at a constant cost. The
    right-shifted stream convolves along its row alone (PixelCNN++: 2x2, with the row above, which
    here comes from the other stream). No weight normalisation and no dropout.

    Args:
        image_shape: (height, width, channels).
        latent_dim: Number of latents.
        num_parameters: Parameters of each pixel.
        filters: Channels of both streams.
        num_blocks: Gated blocks of each stream.
        kernel_size: Width of the blocks' convolutions, odd: the down-shifted stream's reach
            `kernel_size // 2` rows up, the right-shifted stream's as many pixels to the left.
        first_kernel_size: The same of each stream's first convolution.
        position_embedding: Whether a pixel's parameters depend on where it is, by an offset
            `[H, W, filters]` that is learned. Else it knows only how far the borders are that its
            convolutions reach.
    """

    def __init__(
        self,
        image_shape,
        latent_dim,
        num_parameters,
        filters,
        num_blocks,
        kernel_size,
        first_kernel_size,
        position_embedding=False,
        **kwargs,
    ):
        # Images stay float32 under a mixed precision policy: 8 bits cannot tell all levels apart.
        super().__init__(autocast=False, **kwargs)
        self.image_shape = image_shape
        inputs = image_shape[-1] + 1
        first, reach = first_kernel_size // 2 + 1, kernel_size // 2 + 1
        self.down = Stream(
            inputs, filters, num_blocks, (first, first_kernel_size), (reach, kernel_size), ROWS
        )
        self.right = Stream(inputs, filters, num_blocks, (1, first), (1, reach), COLUMNS)
        self.from_latents = keras.layers.Dense(4 * filters * num_blocks, use_bias=False)
        self.from_above = [keras.layers.Dense(filters) for _ in range(num_blocks)]
        self.head = keras.layers.Dense(num_parameters, dtype="float32")
        self.position = None
        if position_embedding:
            shape = (*image_shape[:2], filters)
            self.position = self.add_weight(name="position", shape=shape, initializer="zeros")

        # === Build ===
        self.from_latents.build((None, latent_dim))
        for layer in (*self.from_above, self.head):
            layer.build((None, None, None, 2 * filters))
        self.built = True

    def call(self, images, latents):
        """Returns parameters `[B, H, W, num_parameters]`, each of pixels before its own and z.

        Args:
            images: Float32 `[B, H, W, C]` in [0, 1].
            latents: Float32 `[B, latent_dim]`.
        """
        height, width, _ = self.image_shape
        batch = tf.shape(images)[0]
        pixels = self.as_inputs(images)
        above = tf.pad(pixels[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]])
        left = tf.pad(pixels[:, :, :-1], [[0, 0], [0, 0], [1, 0], [0, 0]])
        conditions = self.conditions(latents)
        additions, _ = self.see_rows(above, self.down.blank_memory(batch, width), conditions)
        memory = self.right.blank_memory(batch, height)
        parameters, _ = self.see_pixels(left, memory, conditions, additions)
        return parameters

    def as_inputs(self, images):
        """Images in [-1, 1] with a channel of ones, which tells them from what lies outside."""
        return tf.concat([2.0 * images - 1.0, tf.ones_like(images[..., :1])], axis=-1)

    def conditions(self, latents):
        """What latents add to the blocks of both streams: two lists of `[B, 1, 1, 2 * filters]`."""
        parts = self.from_latents(latents)[:, None, None]
        parts = tf.split(parts, 2 * len(self.from_above), axis=-1)
        return parts[::2], parts[1::2]

    def see_rows(self, above, memory, conditions, first=0):
        """Moves the down-shifted stream on by some rows.

        Args:
            above: The rows above those asked for, as in `as_inputs`, zeros above the first.
            memory: What the stream remembers.
            conditions: As in `conditions`.
            first: Which row of the image the first is.

        Returns:
            For each block what it tells the other stream, `[B, rows, W, filters]`, and the memory.
        """
        outputs, memory = self.down.advance(above, memory, conditions[0])
        pairs = zip(self.from_above, outputs, strict=True)
        told = [layer(concat_elu(output)) for layer, output in pairs]
        if self.position is not None:
            rows = tf.convert_to_tensor(self.position)[first : first + tf.shape(above)[1]]
            told = [part + tf.cast(rows, part.dtype) for part in told]
        return told, memory

    def see_pixels(self, left, memory, conditions, additions):
        """Moves the right-shifted stream on by some pixels of each row.

        Args:
            left: The pixels left of those asked for, as in `as_inputs`, zeros left of the first.
            memory: What the stream remembers of each row.
            conditions: As in `conditions`.
            additions: What `see_rows` gave there.

        Returns:
            Parameters, float32 `[B, rows, pixels, num_parameters]`, and the memory.
        """
        outputs, memory = self.right.advance(left, memory, conditions[1], additions)
        return self.head(concat_elu(outputs[-1])), memory
