"""The high-capacity analysis of Taming VAEs (Sections 3.1-3.3, Appendices A and B).

A VAE whose encoder and decoder can be any function is studied by itself: latent space is cut into
tiles of equal prior mass, each with a reconstruction vector of its own, and training is an
iteration to a fixed point.

- `tiles`: the cut, and its start.
- `fixed_points`: the iteration, for many temperatures at once.
- `phase_transitions`: where clusters of fixed points merge as the temperature rises.
- `partition`: how tiles divide among data points as it falls.
- `lipschitz`: the iteration for decoders that cannot be any function.
- `point_sets`: data in the plane.
"""
