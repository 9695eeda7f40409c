"""Two models on the same images."""

import gradio as gr

from training.explore.explored_model import FORESEEN
from training.explore.pictures import figure, message, row
from training.explore.tabs.controls import INSTANT, tolerance_slider
from training.figures.grids import as_pixels

TITLE = "Compare"
_NUM = 8


def comparable(models):
    """Returns those that reconstruct images of the first one's shape, without a context."""
    able = [model for model in models if model.has_latents and model.context_shape is None]
    return [model for model in able if model.image_shape == able[0].image_shape]


def build(models):
    """Makes the tab of models that are `comparable`."""
    by_name = {model.name: model for model in models}
    sides = []
    with gr.Row():
        for first in models[:2]:
            with gr.Column():
                name = gr.Dropdown(list(by_name), value=first.name, label="Model")
                sides.append((name, tolerance_slider(first)))
    picture = gr.HTML(elem_classes="comparison")
    inputs = [control for side in sides for control in side]

    def compare(*values):
        return show(by_name, *values)

    def renew(name):
        return tolerance_slider(by_name[name])

    for name, tolerance in sides:
        renewed = name.change(renew, name, tolerance, queue=False)
        renewed.then(compare, inputs, picture, queue=False, show_progress="hidden")
        tolerance.input(compare, inputs, picture, **INSTANT)
    return [(compare, inputs, picture)]


def show(by_name, first, first_tolerance, second, second_tolerance):
    """Returns images and both models' reconstructions as HTML.

    Args:
        by_name: The models by name.
        first: Name of one of them.
        first_tolerance: What it is asked for, where it has a range.
        second: Name of the other one.
        second_tolerance: Likewise.
    """
    examples = by_name[first].examples
    images = examples.images[:_NUM]

    def line(pixels, title, captions=("",) * _NUM):
        pixels = as_pixels(pixels, examples.channels_are_images)
        shown = [figure(p, caption=c) for p, c in zip(pixels, captions, strict=False)]
        return row(shown, title, "small captioned")

    shown = line(images, examples.origin)
    for name, tolerance in ((first, first_tolerance), (second, second_tolerance)):
        model = by_name[name]
        try:
            made = model.reconstruct(images, None, tolerance)
        except FORESEEN as error:
            shown += message(f"{name}: {error}")
            continue
        title = f"{name}: {made.average()} on average; below each its own"
        shown += line(made.images, title, [made.short_caption(i) for i in range(len(images))])
    return shown
