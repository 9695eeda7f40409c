"""Building blocks that architectures share."""

from zoo.layers.conv_lstm import forget_bias, lstm_step
from zoo.layers.grid_convolution import grid_convolution
from zoo.layers.normalized_convolution import NormalizedConvolution

__all__ = ["NormalizedConvolution", "forget_bias", "grid_convolution", "lstm_step"]
