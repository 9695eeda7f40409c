"""What the drawings of targets share."""

import numpy as np

__all__ = ["information_plane"]

_MARKERS = {"GECO": "o", "ELBO": "s", "ELBO, annealed": "^"}


def information_plane(axis, points):
    """Draws models in the information plane; one line joins those of GECO.

    Rates reach from nought to a thousand nats, so their scale is that of square roots.

    Args:
        axis: Axes of matplotlib.
        points: A list of dicts with `objective` ("GECO", "ELBO", "ELBO, annealed"), `label` (the
            tolerance), `rate` (nats an image) and `loss` (nats a pixel).
    """
    axis.set_xscale("function", functions=(_root, np.square))
    for objective, marker in _MARKERS.items():
        group = sorted(
            (point for point in points if point["objective"] == objective),
            key=lambda point: point["rate"],
        )
        if group:
            rates = [point["rate"] for point in group]
            losses = [point["loss"] for point in group]
            style = "-" if objective == "GECO" else ""
            axis.plot(rates, losses, style, marker=marker, label=objective, clip_on=False)
            for point in group:
                _annotate(axis, point)
    most = max(point["rate"] for point in points)
    ticks = [tick for tick in (0, 10, 50, 100, 200, 400, 700, 1000) if tick <= 1.1 * most]
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.set(xlim=(0, 1.5 * most), xlabel="rate (nats an image; square-root scale)")
    axis.set(ylabel="-log p(x|z) at σ* (nats a pixel)")
    axis.margins(y=0.1)


def _root(values):
    return np.sqrt(np.maximum(values, 0.0))


def _annotate(axis, point):
    if point["label"]:
        place = {"xytext": (7, 4), "textcoords": "offset points", "fontsize": 8}
        axis.annotate(f"κ = {point['label']}", (point["rate"], point["loss"]), **place)
