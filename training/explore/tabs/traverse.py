"""One latent, or a group of them, moved, and all others left as they are."""

import gradio as gr

from training.explore.explored_model import FORESEEN
from training.explore.image_choice import ImageChoice
from training.explore.pictures import figure, message, row
from training.explore.tabs.controls import SLOW, tolerance_slider
from training.figures.grids import as_pixels

TITLE = "Traverse"
_NUM = 9
_GROUP, _LATENT = "the whole group, along a random direction", "one latent of it"


def is_offered(model):
    """Whether there are latents to move."""
    return model.has_latents


def build(model):
    """Makes the tab."""
    choice = ImageChoice(model)
    sizes = model.group_sizes()
    tolerance = tolerance_slider(model)
    with gr.Row():
        names = [(f"{i + 1} ({size} latents)", i) for i, size in enumerate(sizes)]
        group = gr.Dropdown(names, value=0, label="Group of latents")
        what = gr.Radio([_GROUP, _LATENT], value=_GROUP, label="What moves")
        latent = gr.Number(
            1, label="Latent", precision=0, minimum=1, maximum=max(sizes), visible=False
        )
        reach = gr.Slider(
            0.5, 10.0, 3.0, step=0.5, label="Reach", info="to either side, in the latents' unit"
        )
    picture = gr.HTML(elem_classes="traversal")
    inputs = [choice.state, tolerance, group, what, latent, reach]

    def traverse(*values):
        return show(model, sizes, *values)

    fill = [(traverse, inputs, picture)]
    choice.on_change(*fill)
    what.change(lambda chosen: gr.Number(visible=chosen == _LATENT), what, latent, queue=False)
    moved = [group.change, what.change, latent.change, reach.release, tolerance.release]
    gr.on(moved, traverse, inputs, picture, **SLOW)
    return fill


def show(model, sizes, chosen, tolerance, group, what, latent, reach):
    """Returns the images of moved latents as HTML.

    Args:
        model: What the page asks, such as a `LocalModel`.
        sizes: Numbers of latents of the groups.
        chosen: Dict of `image` and `context`, as of `tabs.reconstruct.show`.
        tolerance: A number, which a model without a range ignores.
        group: Index of the group that moves.
        what: Whether all of it moves or one latent.
        latent: Number of that latent, from 1.
        reach: How far, in the latents' unit.
    """
    is_one = what == _LATENT
    if is_one and not 1 <= (latent or 0) <= sizes[group]:
        return message(f"Group {group + 1} has the latents 1 to {sizes[group]}: choose among them.")
    index = int(latent) - 1 if is_one else None
    context = None if chosen["context"] is None else chosen["context"][None]
    try:
        images = model.traverse(chosen["image"], group, index, reach, _NUM, tolerance, context)
    except FORESEEN as error:
        return message(str(error))
    pixels = as_pixels(images, model.examples.channels_are_images)
    moved = [reach * (2 * i / (_NUM - 1) - 1) for i in range(_NUM)]
    shown = [figure(p, caption=f"{by:+.2g}") for p, by in zip(pixels, moved, strict=True)]
    return row(shown, size="small")
