"""Building blocks that architectures share."""

from zoo.layers.causal_convolution import CausalConvolution
from zoo.layers.conv_lstm import forget_bias, lstm_step
from zoo.layers.feature_modulation import ModulatedNetwork, modulate, rescale
from zoo.layers.grid_convolution import grid_convolution
from zoo.layers.normalized_convolution import NormalizedConvolution
from zoo.layers.pixel_cnn import PixelCNN

__all__ = [
    "CausalConvolution",
    "ModulatedNetwork",
    "NormalizedConvolution",
    "PixelCNN",
    "forget_bias",
    "grid_convolution",
    "lstm_step",
    "modulate",
    "rescale",
]
