"""Diffusion models: images from noise, step by step, by a network that tells the noise.

Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020.
"""

from zoo.models.diffusion.diffusion import Diffusion

__all__ = ["Diffusion"]
