"""Where clusters of fixed points merge as the temperature rises (Taming VAEs, Figure 2)."""

import numpy as np

__all__ = ["critical_temperatures"]


def critical_temperatures(betas, error, number=3):
    """Finds critical temperatures: the highest peaks of |d²u/dβ²| of the error u(β) = E‖x - g‖².

    Args:
        betas: Ascending temperatures, `[K]`.
        error: u, `[K]`.
        number: Most peaks to give.

    Returns:
        The temperatures, the highest peak first, float64 `[number]` or fewer, and |d²u/dβ²|,
        float64 `[K]`.

    Raises:
        ValueError: There are fewer than five temperatures, or they do not ascend.
    """
    betas, error = np.asarray(betas, np.float64), np.asarray(error, np.float64)
    if len(betas) < 5 or not (np.diff(betas) > 0).all():
        raise ValueError(f"betas must be at least five, ascending. Received: {betas}")
    curvature = np.abs(np.gradient(np.gradient(error, betas), betas))
    inner = curvature[1:-1]
    is_peak = (inner > curvature[:-2]) & (inner >= curvature[2:])
    peaks = 1 + np.flatnonzero(is_peak)
    highest = peaks[np.argsort(-curvature[peaks], kind="stable")][:number]
    return betas[highest], curvature
