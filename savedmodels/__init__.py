"""The pretrained models of VAE Zoo, for `zoo.load` where there is no checkout and no network."""

__version__ = "0.1.0"

# How models and cards lie in this folder; `zoo.hub.MODELS_FORMAT` is what a version of zoo reads.
FORMAT = 1
