"""Controls that several tabs have."""

import gradio as gr

__all__ = ["CHASING", "INSTANT", "SLOW", "seed_number", "tolerance_slider"]

# What answers while a slider moves: no queue, whose turn would cost as long as the answer, and of
# the moves that come meanwhile the last alone.
INSTANT = {"queue": False, "show_progress": "hidden", "trigger_mode": "always_last"}
CHASING = {"show_progress": "hidden", "trigger_mode": "always_last"}  # What follows it in a queue.
SLOW = {"show_progress": "minimal", "trigger_mode": "always_last"}


def tolerance_slider(model):
    """Makes a slider over the model's range, or where it has none one that nobody sees."""
    tolerances = model.tolerances
    if tolerances is None:
        return gr.Slider(0.0, 1.0, 0.5, visible=False)
    return gr.Slider(
        tolerances.least,
        tolerances.most,
        round(tolerances.middle, 3),
        step=0.001,
        label="Tolerance",
        info="the root mean squared error that is asked for, of pixels in [0, 1]",
        elem_classes="tolerance",
        visible=True,
    )


def seed_number():
    """Makes the seed of what is drawn."""
    return gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**31 - 1)
