"""Drawing images: pixel by pixel, and by Markov chains; Langevin chains on any density."""

from zoo.chains import LangevinChain, langevin
from zoo.layers.pixel_sampler import sample_pixels, sample_pixels_naively
from zoo.sampling.markov_chain import markov_chain

__all__ = [
    "LangevinChain",
    "langevin",
    "markov_chain",
    "sample_pixels",
    "sample_pixels_naively",
]
