"""`vae-zoo data`: says what a data set holds, and shows examples of it."""

import dataclasses
import re

import numpy as np

from training.command_line.options import add_import_option, add_reading_options
from training.command_line.outputs import add_picture_option, check_file, save_picture
from training.command_line.text import columns, paragraph, without_marks
from training.recipes import find_recipe
from training.runs.stages import stage
from zoo.errors import UsageError

HELP = "say what a data set holds: shapes, splits, values, classes"
EXAMPLES = """examples:
  vae-zoo data mnist
  vae-zoo data mnist_sum --show
  vae-zoo data folder:PATH --image-size 32 --show --output examples.png
  vae-zoo data color_mnist:digits   (composed of other digits than MNIST's)
docs/DATASETS.md has all names.
"""
_SETTINGS = ("image_size", "fit", "channels", "corrupt", "binarize", "dequantize", "data_seed")
_NUM_MEASURED = 10_000
_MOST_CLASSES_LISTED = 20
_BATCH_SIZE = 500
_LEVELS = 256
_NO_RECIPE = "conv_draw_folder"  # Its data set is replaced; nothing else of it matters here.


def add_options(parser):
    """Adds the data set, how it is read, and the picture."""
    parser.add_argument(
        "name",
        metavar="NAME",
        help="digits, mnist, mnist_sum, cifar10, folder:PATH, tfds:NAME, ...",
    )
    parser.add_argument(
        "--show", action="store_true", help="save a picture of labelled examples of each split"
    )
    add_picture_option(parser, None, "default: NAME.png, with --show")
    add_import_option(parser)
    add_reading_options(parser)


def check(arguments):
    """Refuses a folder without a name, and a picture that cannot be written."""
    if arguments.name == "folder:":
        raise UsageError("Give the folder of your images: folder:PATH. Received: folder:")
    if (output := _output(arguments)) is not None:
        check_file("output", output)


def run(arguments):
    """Prints what a data set holds, and saves examples if asked to."""
    from training import datasets, figures

    output = _output(arguments)
    settings = {name: value for name, value in vars(arguments).items() if name in _SETTINGS}
    with stage(f"Reading {arguments.name}"):
        dataset = datasets.load_for(
            find_recipe(_NO_RECIPE).override(dataset=arguments.name, **settings)
        )
    with stage("Measuring its images"):
        text = describe(dataset)
    print(f"\n{text}")
    if output is not None:
        save_picture(figures.save_examples, output, dataset)
        print(f"\nWrote examples of each split to {output}.")


def _output(arguments):
    """Returns the picture to write, None if none is asked for."""
    return arguments.output or (_file_name(arguments.name) if arguments.show else None)


def _file_name(name):
    """Returns the data set's name as a file's, in this folder."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") + ".png"


def describe(dataset, most=_NUM_MEASURED):
    """Returns a description of an `ImageDataset` in several lines, measured over its images.

    Args:
        dataset: The `ImageDataset`.
        most: Images of a split that are measured where the set is too large for memory.
    """
    dataset = dataclasses.replace(dataset, dequantization_seed=None)  # The levels are measured.
    limit = None if dataset.is_in_memory else most
    measures = {split: _Measures(dataset, split, limit) for split in dataset.splits}
    parts = [_head(dataset), _values_table(dataset, measures)]
    if limit is not None:
        parts[-1] += (
            f"\nToo large for memory: measured over the first {limit:,} images of each split."
        )
    if dataset.num_classes is not None:
        parts.append(_balance_table(measures))
        if dataset.num_classes <= _MOST_CLASSES_LISTED:
            parts.append(_classes_table(dataset, measures))
    if dataset.caveat:
        parts.append(paragraph(dataset.caveat))
    if dataset.licence:
        parts.append(paragraph(f"Licence: {without_marks(dataset.licence)}."))
    return "\n\n".join(parts)


class _Measures:
    """What one pass over a split found.

    Attributes:
        levels: Number of pixels of each of the 256 levels, int64 `[256]`.
        classes: Number of images of each class, int64 `[num_classes]`, or None without labels.
    """

    def __init__(self, dataset, split, limit):
        has_labels = dataset.num_classes is not None
        self.levels = np.zeros(_LEVELS, np.int64)
        self.classes = np.zeros(dataset.num_classes, np.int64) if has_labels else None
        for batch in dataset.batches(split, _BATCH_SIZE, limit).as_numpy_iterator():
            self.levels += np.bincount(batch["image"].ravel(), minlength=_LEVELS)
            if has_labels:
                self.classes += np.bincount(batch["label"], minlength=dataset.num_classes)


def _head(dataset):
    lines = [dataset.name, paragraph(dataset.description), ""]
    lines.append(f"images   {_shape(dataset.image_shape)}")
    if dataset.context_shape is not None:
        lines.append(f"context  {_shape(dataset.context_shape)}")
    lines.append(f"classes  {_count(dataset.num_classes) if dataset.num_classes else 'no labels'}")
    return "\n".join(lines)


def _shape(shape):
    height, width, channels = shape
    return f"{height}x{width}, {channels} channel{'s' if channels > 1 else ''}"


def _values_table(dataset, measures):
    rows = [("split", "images", "min", "max", "mean", "share of 0", "share of 255")]
    for split, found in measures.items():
        present = np.flatnonzero(found.levels)
        shares = found.levels / found.levels.sum()
        rows.append(
            (
                split,
                _count(dataset.num_examples[split]),
                str(present[0]),
                str(present[-1]),
                f"{shares @ np.arange(_LEVELS):.2f}",
                f"{shares[0]:.2%}",
                f"{shares[-1]:.2%}",
            )
        )
    return "\n".join(columns(rows, right=range(1, len(rows[0]))))


def _balance_table(measures):
    rows = [("images a class", "least", "mean", "largest", "classes without images")]
    for split, found in measures.items():
        counts = found.classes
        missing = _count(np.sum(counts == 0))
        mean = f"{counts.mean():,.1f}"
        rows.append((split, _count(counts.min()), mean, _count(counts.max()), missing))
    return "\n".join(columns(rows, right=range(1, len(rows[0]))))


def _classes_table(dataset, measures):
    counts = np.stack([found.classes for found in measures.values()], axis=1)
    rows = [("class", *measures)]
    rows += [(dataset.label_text(n), *map(_count, row)) for n, row in enumerate(counts)]
    return "\n".join(columns(rows, right=range(1, len(rows[0]))))


def _count(number):
    return f"{number:,}"
