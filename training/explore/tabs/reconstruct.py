"""An image, its reconstruction at a tolerance, what it costs, and its code."""

import atexit
import functools
import html
import shutil
import tempfile

import gradio as gr

from training.explore.explored_model import FORESEEN
from training.explore.image_choice import ImageChoice
from training.explore.pictures import difference, figure, message, row
from training.explore.tabs.controls import CHASING, INSTANT, tolerance_slider
from training.figures.grids import as_pixels

TITLE = "Reconstruct"
_CODING = "The codec codes the image …"


def is_offered(model):
    """Whether there are latents to reconstruct an image from."""
    return model.has_latents


def build(model):
    """Makes the tab."""
    choice = ImageChoice(model)
    tolerance = tolerance_slider(model)
    picture = gr.HTML(elem_classes="reconstruction")
    inputs = [choice.state, tolerance]

    def reconstruct(chosen, tolerance):
        return show(model, chosen, tolerance)

    moved = tolerance.input(reconstruct, inputs, picture, **INSTANT)
    fill = [(reconstruct, inputs, picture)]
    if model.has_codec:
        fill += _add_codec(model, inputs)
    for call in fill[1:]:  # After the picture, for a code takes longer.
        moved = moved.then(*call, **CHASING)
    choice.on_change(*fill)
    return fill


def _add_codec(model, inputs):
    """Makes what shows the image's code; returns the calls that fill it."""
    with gr.Row():
        coded = gr.HTML(_CODING, elem_classes="coded")
        download = gr.DownloadButton("Download the coded file", size="sm", scale=0)

    def code(chosen, tolerance):
        text, path = show_code(model, chosen, tolerance)
        return text, gr.DownloadButton(value=path, interactive=path is not None)

    return [(lambda: _CODING, None, coded), (code, inputs, [coded, download])]


def show(model, chosen, tolerance):
    """Returns the image, its reconstruction and their difference as HTML.

    Args:
        model: What the page asks, such as a `LocalModel`.
        chosen: Dict of `image`, uint8 `[H, W, C]`, and its `context` or None.
        tolerance: A number, which a model without a range ignores.
    """
    image = chosen["image"][None]
    context = None if chosen["context"] is None else chosen["context"][None]
    try:
        made = model.reconstruct(image, context, tolerance)
    except FORESEEN as error:
        return message(str(error))
    as_images = model.examples.channels_are_images
    shown = [] if context is None else [figure(as_pixels(context, as_images)[0], "Context")]
    shown += [
        figure(as_pixels(image, as_images)[0], "Image"),
        figure(as_pixels(made.images, as_images)[0], "Reconstruction", made.caption(0)),
    ]
    if made.rmse is not None:
        differences = as_pixels(difference(image, made.images), as_images)[0]
        shown.append(figure(differences, "Difference", "grey: equal; lighter: too bright"))
    return row(shown)


def show_code(model, chosen, tolerance):
    """Returns what a code of the image takes, in words, and the file's path or None."""
    try:
        num_bytes, promise, archive = model.code(chosen["image"], tolerance, chosen["context"])
    except FORESEEN as error:
        return f"There is no code. {html.escape(str(error))}", None
    with tempfile.NamedTemporaryFile(suffix=".vz", dir=_folder(), delete=False) as file:
        file.write(archive)
    raw = chosen["image"].size
    return f"The codec's code takes <b>{num_bytes} bytes</b> of {raw:,}, {promise}.", file.name


@functools.cache
def _folder():
    """Returns a folder for coded files, which ends with the process."""
    folder = tempfile.mkdtemp(prefix="vae-zoo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
