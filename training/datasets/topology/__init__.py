"""Images whose topology is known: each is a point of a manifold, drawn so that it can be read back.

Data of a known answer for generative models (after Jin et al., "Implications of data topology for
deep generative models", Frontiers in Computer Science 2024; the sets and their drawing are ours): a
decoder from R^d is continuous, so where the data lie on a circle, a sphere or a torus it must cut,
fill or cover it in part. `training.evaluation.known_topology` says which.
"""

from training.datasets.topology.manifolds import MANIFOLDS, Manifold
from training.datasets.topology.renderings import Rendering, rendering_of
from training.datasets.topology.sets import load_topology

__all__ = ["MANIFOLDS", "Manifold", "Rendering", "load_topology", "rendering_of"]
