"""Latent-variable models whose decoder is piecewise affine: everything about them is exact.

A network of leaky ReLUs cuts the latent space into convex regions, on each of which it is affine.
So the marginal likelihood is a sum over regions, and the posterior a mixture of truncated normals
(Balestriero, Paris & Baraniuk, "Analytical Probability Distributions and Exact
Expectation-Maximization for Deep Generative Networks", NeurIPS 2020). All of it is float64.
"""

from zoo.models.piecewise_affine.piecewise_affine_vae import PiecewiseAffineVAE

__all__ = ["PiecewiseAffineVAE"]
