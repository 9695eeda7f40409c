"""Samples of a model, at a temperature, a tolerance, given a context, or step by step."""

import gradio as gr
import numpy as np

from training.explore.explored_model import FORESEEN
from training.explore.image_choice import ImageChoice
from training.explore.pictures import figure, message, row
from training.explore.tabs.controls import SLOW, seed_number, tolerance_slider
from training.figures.grids import as_pixels

TITLE = "Sample"
_MOST_SAMPLES, _MOST_CHAINS = 60, 8


def is_offered(model):
    """Every model of images draws samples."""
    return True


def build(model):
    """Makes the tab."""
    choice = None if model.context_shape is None else ImageChoice(model, "Choose a context")
    with gr.Row():
        num = gr.Slider(1, _MOST_SAMPLES, 30, step=1, label="Number")
        seed = seed_number()
        temperature = gr.Slider(
            0.0, 1.5, 1.0, step=0.05, label="Temperature", info="of the prior's deviations"
        )
    tolerance = tolerance_slider(model)
    steps = gr.Checkbox(False, label="Show every step of the chain", visible=model.has_chain)
    picture = gr.HTML(elem_classes="samples")
    chosen = gr.State(None) if choice is None else choice.state
    inputs = [num, seed, temperature, tolerance, chosen, steps]

    def sample(*values):
        return show(model, *values)

    fill = [(sample, inputs, picture)]
    if choice is not None:
        choice.on_change(*fill)
    moved = [num.release, seed.change, temperature.release, tolerance.release, steps.change]
    gr.on(moved, sample, inputs, picture, **SLOW)
    return fill


def show(model, num, seed, temperature, tolerance, chosen=None, steps=False):
    """Returns samples as HTML; with `steps` a row for each, with the steps of its chain."""
    as_images = model.examples.channels_are_images
    try:
        if steps:
            chains = model.sample_chain(min(int(num), _MOST_CHAINS), int(seed or 0), temperature)
            rows = [as_pixels(chain, as_images) for chain in chains.swapaxes(0, 1)]
            return "".join(row([figure(step) for step in pixels], size="small") for pixels in rows)
        context = None
        if chosen is not None:
            context = np.repeat(chosen["context"][None], int(num), axis=0)
        samples = model.sample(int(num), int(seed or 0), temperature, tolerance, context)
    except FORESEEN as error:
        return message(str(error))
    shown = row([figure(pixels) for pixels in as_pixels(samples, as_images)], size="small")
    if context is None:
        return shown
    given = figure(as_pixels(context[:1], as_images)[0])
    return row([given], "Given this context") + shown
