"""A PixelVAE's decoder in float64 NumPy, pixel by pixel: what sender and receiver both run.

An arithmetic coder needs the same probabilities on both sides to the last bit, or all that follows
is lost. So the networks run in float64, and what they give is rounded to a grid so much coarser
that machines which add in another order hardly ever come to another point of it.
"""

import numpy as np

__all__ = ["PixelNetwork"]

_GRID = 2.0**12  # Points a unit: of the parameters of a pixel, in units where pixels span 2.


class PixelNetwork:
    """The parameters of each pixel given those before it, at z = 0.

    The ELBO leaves almost nothing to the latents of a PixelVAE, so z = 0 costs almost nothing.

    Args:
        model: A `zoo.PixelVAE`.
    """

    def __init__(self, model):
        network = model.decoder
        self._shape = model.image_shape
        self._down, self._right = _Stream(network.down), _Stream(network.right)
        self._from_above = [_weights(layer.kernel, layer.bias) for layer in network.from_above]
        self._head = _weights(network.head.kernel, network.head.bias)
        self._position = None if network.position is None else _weights(network.position)[0]

    def walk(self, batch, take):
        """Goes over images row by row, in each pixel by pixel.

        Args:
            batch: Number of images. Another number may round otherwise.
            take: A function of (row, column, parameters `[batch, num_parameters]`) to the pixels
                there, levels `[batch, C]`.
        """
        height, width, channels = self._shape
        above = np.zeros((batch, 1, width, channels + 1))
        down = self._down.blank_memory(batch, width)
        for row in range(height):
            told, down = self._see_row(above, down, row)
            right, left = self._right.blank_memory(batch, 1), np.zeros((batch, 1, 1, channels + 1))
            for column in range(width):
                additions = [part[:, :, column : column + 1] for part in told]
                outputs, right = self._right.advance(left, right, additions)
                parameters = _apply(_concat_elu(outputs[-1]), self._head)[:, 0, 0]
                levels = take(row, column, np.round(parameters * _GRID) / _GRID)
                left = _as_inputs(levels)[:, None, None]
                above[:, 0, column] = left[:, 0, 0]

    def _see_row(self, above, memory, row):
        outputs, memory = self._down.advance(above, memory)
        told = [
            _apply(_concat_elu(output), layer)
            for output, layer in zip(outputs, self._from_above, strict=True)
        ]
        if self._position is not None:
            told = [part + self._position[row] for part in told]
        return told, memory


class _Stream:
    """As `zoo.layers.pixel_cnn.Stream`."""

    def __init__(self, stream):
        self._first = _Convolution(stream.first)
        self._blocks = [(_Convolution(b.first), _Convolution(b.second)) for b in stream.blocks]

    def blank_memory(self, batch, length):
        convolutions = [self._first, *(c for block in self._blocks for c in block)]
        return [convolution.blank_memory(batch, length) for convolution in convolutions]

    def advance(self, inputs, memory, additions=None):
        memory, outputs = iter(memory), []
        hidden, remembered = self._first.advance(inputs, next(memory))
        after = [remembered]
        for place, (first, second) in enumerate(self._blocks):
            inner, remembered = first.advance(_concat_elu(hidden), next(memory))
            after.append(remembered)
            inner = inner if additions is None else inner + additions[place]
            inner, remembered = second.advance(_concat_elu(inner), next(memory))
            after.append(remembered)
            values, gates = np.split(inner, 2, axis=-1)  # At z = 0 latents add nothing.
            hidden = hidden + values / (1.0 + np.exp(-gates))
            outputs.append(hidden)
        return outputs, after


class _Convolution:
    """As `zoo.layers.causal_convolution.CausalConvolution`."""

    def __init__(self, layer):
        self._axis, self._reach, self._side = layer._axis, layer._reach, layer._side
        kernel, self._bias = _weights(layer.kernel, layer.bias)
        self._size, self._inputs = kernel.shape[:2], kernel.shape[2]
        self._kernel = kernel.reshape(-1, kernel.shape[-1])

    def blank_memory(self, batch, length):
        shape = [batch, length, length, self._inputs]
        shape[self._axis] = self._reach
        return np.zeros(shape)

    def advance(self, inputs, memory):
        window = np.concatenate([memory, inputs], axis=self._axis)
        _, latest = np.split(window, [inputs.shape[self._axis]], axis=self._axis)
        sides = [(0, 0)] * 4
        sides[3 - self._axis] = (self._side, self._side)
        patches = np.lib.stride_tricks.sliding_window_view(
            np.pad(window, sides), self._size, axis=(1, 2)
        )
        patches = np.moveaxis(patches, 3, -1)  # [B, h, w, rows, columns, C]
        patches = patches.reshape(*patches.shape[:3], -1)
        return _apply(patches, (self._kernel, self._bias)), latest


def _weights(*weights):
    return tuple(np.asarray(weight, np.float64) for weight in weights)


def _apply(features, layer):
    kernel, bias = layer
    flat = features.reshape(-1, features.shape[-1]) @ kernel + bias
    return flat.reshape(*features.shape[:-1], -1)


def _concat_elu(features):
    both = np.concatenate([features, -features], axis=-1)
    return np.where(both > 0.0, both, np.expm1(np.minimum(both, 0.0)))


def _as_inputs(levels):
    pixels = 2.0 * levels / 255.0 - 1.0
    return np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=-1)
