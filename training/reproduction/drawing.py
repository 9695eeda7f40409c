"""What the drawings of targets share."""

import contextlib
import pathlib

__all__ = ["information_plane", "saved"]

_MARKERS = {"GECO": "o", "ELBO": "s", "ELBO, annealed": "^"}


@contextlib.contextmanager
def saved(path, *args, **kwargs):
    """Returns a new figure and its axes, as `pyplot.subplots` does, and saves it at the end.

    Args:
        path: A PNG file; its folder is made.
        *args: As in `pyplot.subplots`.
        **kwargs: As in `pyplot.subplots`.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.3}):
        figure, axes = pyplot.subplots(*args, **{"layout": "constrained", **kwargs})
        try:
            yield figure, axes
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=110)
        finally:
            pyplot.close(figure)


def information_plane(axis, points):
    """Draws models in the information plane; one line joins those of GECO.

    Args:
        axis: Axes of matplotlib.
        points: A list of dicts with `objective` ("GECO", "ELBO", "ELBO, annealed"), `label`,
            `rate` (nats an image) and `loss` (nats a pixel).
    """
    for objective, marker in _MARKERS.items():
        group = sorted(
            (point for point in points if point["objective"] == objective),
            key=lambda point: point["rate"],
        )
        if group:
            rates = [point["rate"] for point in group]
            losses = [point["loss"] for point in group]
            style = "-" if objective == "GECO" else ""
            axis.plot(rates, losses, style, marker=marker, label=objective)
            for point in group:
                axis.annotate(point["label"], (point["rate"], point["loss"]), fontsize=7)
    axis.set(xlabel="rate (nats an image)", ylabel="-log p(x|z) at σ* (nats a pixel)")
    axis.legend()
