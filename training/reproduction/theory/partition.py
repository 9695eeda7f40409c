"""How tiles divide among data points as β → 0, and what is left over (Taming VAEs, 3.2).

In the limit each tile belongs to one point's posterior, the tiles Ω_i of point i, and its KL to
the prior is -log π(Ω_i). Every partition is a fixed point; the mean KL is least, log N, where all
masses are equal, so of all partitions the equiprobable one has the best ELBO.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from training.reproduction.theory.fixed_points import log_masses

__all__ = ["Partition", "holes", "partition"]


@dataclasses.dataclass(frozen=True)
class Partition:
    """Who owns the tiles.

    Attributes:
        owners: The point that each tile belongs to, int `[A]`.
        masses: π(Ω_i), the share of the prior that point i has, float64 `[N]`; they sum to 1.
        divergences: KL_i = -log π(Ω_i) in nats, `[N]`; inf of a point without a tile.
        equiprobable_divergence: log N, what each would be if all masses were equal.
    """

    owners: np.ndarray
    masses: np.ndarray
    divergences: np.ndarray
    equiprobable_divergence: float


def partition(points, reconstructions, beta):
    """Reads the partition off reconstruction vectors at a small temperature.

    Args:
        points: Data, `[N, 2]`.
        reconstructions: g at that temperature, `[A, 2]`.
        beta: The temperature.

    Returns:
        `Partition`; a tile belongs to the point whose posterior has most mass there.
    """
    log_mass = _log_masses(points, reconstructions, beta)
    owners = log_mass.argmax(axis=0)
    masses = np.bincount(owners, minlength=len(points)) / len(owners)
    with np.errstate(divide="ignore"):
        divergences = -np.log(masses)
    return Partition(owners, masses, divergences, float(np.log(len(points))))


def holes(points, reconstructions, beta, threshold=1e-6):
    """Says which tiles no posterior reaches, so that nothing constrains what is drawn there.

    Args:
        points: Data, `[N, 2]`.
        reconstructions: g, `[A, 2]`.
        beta: The temperature.
        threshold: Least share of the aggregate posterior's mass, over that of the prior, of a
            tile that is no hole [choice].

    Returns:
        bool `[A]`.
    """
    mass = np.exp(np.float64(_log_masses(points, reconstructions, beta))).mean(axis=0)
    return mass * len(mass) < threshold


def _log_masses(points, reconstructions, beta):
    values = log_masses(
        tf.constant(points, tf.float32),
        tf.constant(reconstructions, tf.float32)[None],
        tf.constant([beta], tf.float32),
    )
    return values[0].numpy()
