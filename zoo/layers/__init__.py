"""Building blocks that architectures share."""

from zoo.layers.conv_lstm import lstm_step

__all__ = ["lstm_step"]
