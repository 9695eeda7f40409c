"""The part of a tab by which an image is chosen: a gallery of examples, and an upload."""

import gradio as gr
import numpy as np

from training.explore.pictures import enlarged
from training.explore.uploads import fit_upload
from zoo.errors import UsageError

__all__ = ["ImageChoice"]

_QUICK = {"queue": False, "show_progress": "hidden"}


class ImageChoice:
    """Makes the gallery, the button and a line below them, where the tab is being built.

    Args:
        model: What has `examples`, `image_shape`, `context_shape` and `fit`.
        label: Above the gallery.
        first: Which example is chosen at the start.
        columns: Examples side by side.

    Attributes:
        state: The chosen image and its context: for the inputs of a tab's own functions.
    """

    def __init__(self, model, label="Choose an image", first=0, columns=8):
        self._model = model
        examples = model.examples
        gr.Markdown(label, elem_classes="label")
        self._gallery = gr.Gallery(
            enlarged(examples.images, examples.channels_are_images),
            show_label=False,
            format="png",
            columns=columns,
            height="auto",
            object_fit="contain",
            allow_preview=False,
            selected_index=first % len(examples.images),
            interactive=False,
            buttons=[],
            elem_classes="choice",
        )
        self._upload = None
        with gr.Row(equal_height=True):
            if model.context_shape is None:
                self._upload = gr.UploadButton("Upload an image", type="binary", size="sm", scale=0)
            self._note = gr.Markdown(examples.origin, elem_classes="note")
        self.state = gr.State(self._example(first % len(examples.images)))

    def on_change(self, *calls):
        """Calls functions, one after the other, when another image is chosen.

        Args:
            *calls: Tuples of (function, inputs, outputs).
        """
        events = [self._gallery.select(self._choose, None, [self.state, self._note], **_QUICK)]
        if self._upload is not None:
            given = [self._upload, self.state]
            events.append(
                self._upload.upload(self._take, given, [self.state, self._note], **_QUICK)
            )
        for event in events:
            for call in calls:
                event = event.then(*call, show_progress="hidden")

    def _example(self, index):
        examples = self._model.examples
        context = None if examples.contexts is None else examples.contexts[index]
        return {"image": examples.images[index], "context": context}

    def _choose(self, event: gr.SelectData):
        return self._example(event.index), self._model.examples.origin

    def _take(self, content, before):
        try:
            image, note = fit_upload(content, self._model.image_shape, self._model.fit)
        except UsageError as error:
            return before, f"**{error}**"
        return {"image": np.asarray(image), "context": None}, note
