"""The pictures of docs/images: what each is drawn from, and how."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np

from training.documents.kept_examples import KeptExamples
from training.documents.runs import ROOT, read_json, read_run
from training.figures import as_pixels, save_chains, save_comparison, save_examples, save_trajectory
from training.figures.image_blocks import Block, save_blocks
from training.figures.stamps import stamp

__all__ = ["PICTURES", "Picture", "draw"]

_IMAGES = ROOT / "docs/images"
_FIGURE_6 = ROOT / "docs/reproduction/figure-6.npz"


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of the documents.

    Attributes:
        path: The PNG file.
        sources: The files that it is drawn from.
        draw: A function of its path.
    """

    path: pathlib.Path
    sources: tuple
    draw: Callable


def draw(picture):
    """Draws a picture and writes into it what it was drawn from."""
    picture.draw(picture.path)
    stamp(picture.path, picture.sources)


def _load(path):
    with np.load(path) as archive:
        return dict(archive)


def _label(name, run):
    return f"{name}\n{run.test['rate']:.1f} nats, rmse {run.test['rmse']:.3f}"


# === README: ConvDRAW on MNIST ===
_MNIST_TITLE = "ConvDRAW on MNIST, asked for a root mean squared error of 0.1"
_ROW_OF_01 = 1  # Of figure 6's rows.


def _conv_draw_mnist(path):
    arrays, run = _load(_FIGURE_6), read_run("conv_draw_mnist")
    data = as_pixels(arrays["conv_draw_mnist_images"])
    kinds = ("reconstructions", "samples")
    made = [as_pixels(arrays[f"conv_draw_mnist_{kind}"][_ROW_OF_01]) for kind in kinds]
    labels = ("test images", _label("reconstructions", run), "samples of the prior")
    save_blocks(path, [Block("", [data, *made])], _MNIST_TITLE, labels)


def _conv_draw_mnist_trajectory(path):
    run = read_run("conv_draw_mnist")
    title = "How its training got there, on the validation split"
    save_trajectory(path, run.history(), (28, 28, 1), run.metrics["tolerances"], title)


# === RESULTS: constraints on MNIST ===
_CONSTRAINTS = _IMAGES / "constraints_mnist.json"


def _constraints(path):
    rows, arrays = read_json(_CONSTRAINTS)["rows"], _load(_CONSTRAINTS.with_suffix(".npz"))
    labels = [
        _label(row["label"], read_run(row["run"]))
        if "run" in row
        else f"{row['label']}\n{row['rate']:.1f} nats, rmse {row['rmse']:.3f}"
        for row in rows
    ]
    halves = (arrays[kind] for kind in ("reconstructions", "samples"))
    title = "MNIST under each constraint"
    save_comparison(path, arrays["images"], list(zip(labels, *halves, strict=True)), title)


def _constraint_sources():
    runs = [row["run"] for row in read_json(_CONSTRAINTS)["rows"] if "run" in row]
    metrics = [path for name in runs for path in read_run(name).paths if path.stem == "metrics"]
    return (_CONSTRAINTS, _CONSTRAINTS.with_suffix(".npz"), *metrics)


# === RESULTS: conditional ConvDRAW, infusion ===
_CONDITIONAL = _IMAGES / "conditional_conv_draw.json"


def _conditional(path):
    facts, arrays = read_json(_CONDITIONAL), _load(_CONDITIONAL.with_suffix(".npz"))
    blocks = [Block("context", list(as_pixels(arrays["contexts"], True)[:, np.newaxis]))]
    for index, temperature in enumerate(facts["temperatures"]):
        rows = [as_pixels(row) for row in arrays["samples"][index]]
        blocks.append(Block(f"samples at temperature {temperature:g}", rows))
    title = "Conditional ConvDRAW: given two digits, their sum (above) or the first one turned"
    save_blocks(path, blocks, title, facts["rows"])


def _infusion(path):
    chain = _load(_IMAGES / "infusion_digits.npz")["chain"]
    save_chains(path, chain, title="Infusion training on digits: samples after each step")


# === DATASETS ===
_DATA = ("color_mnist", "mnist_triplets", "mnist_sum", "mnist_sum_hard")
_DATA += ("mnist_rotate", "micro_mnist")


def _data_picture(name):
    source = _IMAGES / f"data_{name}.npz"
    return Picture(
        source.with_suffix(".png"),
        (source,),
        lambda path: save_examples(path, KeptExamples(source)),
    )


def _of_run(name, *stems):
    return tuple(path for path in read_run(name).paths if path.stem in stems)


PICTURES = (
    Picture(
        _IMAGES / "conv_draw_mnist.png",
        (_FIGURE_6, *_of_run("conv_draw_mnist", "metrics")),
        _conv_draw_mnist,
    ),
    Picture(
        _IMAGES / "conv_draw_mnist_trajectory.png",
        _of_run("conv_draw_mnist", "history", "metrics"),
        _conv_draw_mnist_trajectory,
    ),
    Picture(_CONSTRAINTS.with_suffix(".png"), _constraint_sources(), _constraints),
    Picture(
        _CONDITIONAL.with_suffix(".png"),
        (_CONDITIONAL, _CONDITIONAL.with_suffix(".npz")),
        _conditional,
    ),
    Picture(_IMAGES / "infusion_digits.png", (_IMAGES / "infusion_digits.npz",), _infusion),
    *map(_data_picture, _DATA),
)
