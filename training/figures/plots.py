"""What plots share: their style, and how they are saved."""

import contextlib

from training.figures.grids import with_folder

__all__ = ["PALETTE", "saved"]

PALETTE = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink")
_STYLE = {
    "font.size": 9,
    "axes.grid": True,
    "axes.titlesize": 10,
    "figure.titlesize": 11,
    "grid.alpha": 0.3,
    "savefig.dpi": 120,
}


@contextlib.contextmanager
def saved(path, *args, title="", **kwargs):
    """Returns a new figure and its axes, as `pyplot.subplots` does, and saves it at the end.

    Args:
        path: A PNG file; its folder is made.
        *args: As in `pyplot.subplots`.
        title: Of the figure.
        **kwargs: As in `pyplot.subplots`.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(_STYLE):
        figure, axes = pyplot.subplots(*args, **{"layout": "constrained", **kwargs})
        try:
            figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
            if title:
                figure.suptitle(title)
            yield figure, axes
            figure.savefig(with_folder(path))
        finally:
            pyplot.close(figure)
