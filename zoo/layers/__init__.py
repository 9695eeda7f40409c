"""Building blocks that architectures share."""

from zoo.layers.conv_lstm import forget_bias, lstm_step
from zoo.layers.grid_convolution import grid_convolution

__all__ = ["forget_bias", "grid_convolution", "lstm_step"]
