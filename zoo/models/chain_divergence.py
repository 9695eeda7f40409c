"""Langevin chains whose steps are too large: which these are, and what is said of them."""

import logging

import tensorflow as tf

__all__ = ["is_stiff", "warn_of_divergence"]

_LOG = logging.getLogger(__name__)
_MOST_STIFF = 0.5  # The share of stiff chains above which samples are of no use.


def is_stiff(chain, step_size):
    """Returns 1 for each chain that ends where its step is too large to be stable, float32 `[B]`.

    A chain that left the numbers is one: it has NaN as its stable step.
    """
    return 1.0 - tf.cast(chain.stable_step >= step_size, tf.float32)


def warn_of_divergence(of_what, share, step_size, stable_step, setting):
    """Warns if most chains are stiff, with a step size that would be stable.

    Args:
        of_what: What the chains draw from.
        share: That of chains that are stiff.
        step_size: Theirs.
        stable_step: Returns the step size that would be stable, as far as that can be said.
        setting: How the step size is set, with one field for the number.
    """
    if share <= _MOST_STIFF:
        return
    stable = stable_step()
    # Where chains have run away, or a few go well, the mean says nothing: halve the step.
    advised = stable if 0.0 < stable < step_size else step_size / 2
    _LOG.warning(
        f"The Langevin chains of the {of_what} diverge: %.0f%% of them end where a step of %.3g is "
        f"too large to be stable. {setting}",
        100 * share,
        step_size,
        advised,
    )
