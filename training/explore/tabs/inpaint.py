"""Pixels that are hidden, and what a model expects there."""

import gradio as gr
import numpy as np

from training.explore.explored_model import FORESEEN
from training.explore.image_choice import ImageChoice
from training.explore.pictures import figure, message, row
from training.explore.tabs.controls import SLOW, seed_number
from training.figures.grids import as_pixels

TITLE = "Inpaint"
_NUM = 6
_PARTS = ("lower half", "upper half", "left half", "right half", "centre")


def is_offered(model):
    """Whether it can infer latents from a part of the pixels."""
    return model.has_masks


def build(model):
    """Makes the tab."""
    choice = ImageChoice(model)
    with gr.Row():
        hidden = gr.Radio(list(_PARTS), value=_PARTS[0], label="Hidden")
        seed = seed_number()
        num_steps = gr.Slider(
            1, 10 * model.num_steps, 5 * model.num_steps, step=1, label="Langevin steps"
        )
    picture = gr.HTML(elem_classes="inpainting")
    inputs = [choice.state, hidden, seed, num_steps]

    def inpaint(*values):
        return show(model, *values)

    fill = [(inpaint, inputs, picture)]
    choice.on_change(*fill)
    gr.on([hidden.change, seed.change, num_steps.release], inpaint, inputs, picture, **SLOW)
    return fill


def show(model, chosen, hidden, seed, num_steps):
    """Returns what is seen of an image and several ways to fill it in, as HTML."""
    image = chosen["image"]
    mask = mask_of(hidden, image.shape)
    seeds = [int(seed or 0) + i for i in range(_NUM)]
    try:
        filled = model.inpaint(image, mask, seeds, int(num_steps))
    except FORESEEN as error:
        return message(str(error))
    as_images = model.examples.channels_are_images
    seen = np.where(mask[..., None] > 0, image, 128).astype(np.uint8)
    given = [
        figure(as_pixels(pixels[None], as_images)[0], title)
        for pixels, title in ((image, "Image"), (seen, "What the model sees"))
    ]
    answers = [figure(pixels) for pixels in as_pixels(filled, as_images)]
    title = f"Filled in, with seeds {seeds[0]} to {seeds[-1]}"
    return row(given, size="medium") + row(answers, title, "medium")


def mask_of(hidden, shape):
    """Returns which pixels are seen, 1, and which hidden, 0: float32 `[H, W]`."""
    height, width = shape[:2]
    rows, columns = np.mgrid[:height, :width]
    hides = {
        "lower half": rows >= height / 2,
        "upper half": rows < height / 2,
        "left half": columns < width / 2,
        "right half": columns >= width / 2,
        "centre": (abs(2 * rows + 1 - height) < height / 2)
        & (abs(2 * columns + 1 - width) < width / 2),
    }
    return 1.0 - hides[hidden].astype(np.float32)
