"""A line of latents between two images."""

import gradio as gr

from training.explore.explored_model import FORESEEN
from training.explore.image_choice import ImageChoice
from training.explore.pictures import figure, message, row
from training.explore.tabs.controls import SLOW, tolerance_slider
from training.figures.grids import as_pixels

TITLE = "Interpolate"
_NUM = 10


def is_offered(model):
    """Whether two images can be encoded; conditional ones belong to a context each."""
    return model.has_latents and model.context_shape is None


def build(model):
    """Makes the tab."""
    with gr.Row():
        choices = []
        for label, first in (("From", 0), ("To", 3)):
            with gr.Column():
                choices.append(ImageChoice(model, label, first, columns=4))
    tolerance = tolerance_slider(model)
    num = gr.Slider(3, 20, _NUM, step=1, label="Number of images, with both ends")
    picture = gr.HTML(elem_classes="interpolation")
    inputs = [choice.state for choice in choices] + [tolerance, num]

    def interpolate(*values):
        return show(model, *values)

    fill = [(interpolate, inputs, picture)]
    for choice in choices:
        choice.on_change(*fill)
    gr.on([num.release, tolerance.release], interpolate, inputs, picture, **SLOW)
    return fill


def show(model, start, end, tolerance, num=_NUM):
    """Returns images between two as HTML; arguments as of `tabs.reconstruct.show`."""
    try:
        line = model.interpolate(start["image"], end["image"], int(num), tolerance)
    except FORESEEN as error:
        return message(str(error))
    pixels = as_pixels(line, model.examples.channels_are_images)
    title = "Decoded from latents on the line between those of the two images"
    return row([figure(image) for image in pixels], title, "small")
