"""Labelled examples of a data set."""

import dataclasses

import numpy as np
from PIL import Image

from training.figures.canvas import GREY, Canvas
from training.figures.grids import as_pixels

__all__ = ["save_examples"]

# All lengths are in pixels of the picture.
_MAX_WIDTH = 1200
_MIN_WIDTH = 480  # Room for the title.
_LEFT = 128  # The column with the names of the splits.
_MARGIN = 12
_HEADER = 56
_LABEL = 19  # The line above an image.
_CELL_GAP = 8  # Between examples.
_WIDE_CELL_GAP = 28  # Between examples of several panels.
_LINE_GAP = 8
_PANEL_GAP = 2  # Between images that belong together.
_ARROW_GAP = 18  # Between context and image.
_BAND_GAP = 14  # Between splits.
_MIN_SIDE = 44  # Images smaller than this go on two lines.
_MAX_BYTES = 200_000


def save_examples(path, data, num=10, seed=0):
    """Saves examples of each split with their labels, a band a split.

    An image with channels that are images of their own is shown as panels side by side; where
    there is a context, its images stand on the left, before an arrow. Small images are enlarged by
    a whole number, each pixel a sharp square; those too large are reduced.

    Args:
        path: A PNG file; its folder is made.
        data: An `ImageDataset`.
        num: Examples of a split, at most; fewer where the split has fewer.
        seed: Chooses the examples.
    """
    examples = {
        split: data.sample_examples(split, min(num, count), seed)
        for split, count in data.num_examples.items()
    }
    layout = _Layout.of(data, max(len(example["image"]) for example in examples.values()))
    height = _HEADER + _MARGIN - _BAND_GAP
    height += sum(layout.band_height(len(example["image"])) for example in examples.values())
    canvas = Canvas(layout.width, height)
    _draw_header(canvas, data)
    top = _HEADER
    for split, example in examples.items():
        canvas.write(_MARGIN, top + layout.first_centre - 8, split, 14, weight="bold")
        count = f"{data.num_examples[split]:,} images"
        canvas.write(_MARGIN, top + layout.first_centre + 9, count, 12, color=GREY)
        _draw_band(canvas, layout, data, example, top)
        top += layout.band_height(len(example["image"]))
    canvas.save(path, _MAX_BYTES)


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Where the examples stand.

    Attributes:
        columns: Examples a line.
        scale: Enlargement of the images.
        widths: Widths of an example's panels, enlarged, with the gap before each.
        height: Height of an example without its label.
        label: Height of the labels' line, 0 where there are none.
        cell_gap: Between two examples of a line.
    """

    columns: int
    scale: float
    widths: tuple[tuple[int, int], ...]
    height: int
    label: int
    cell_gap: int

    @classmethod
    def of(cls, data, num):
        """Chooses one line of examples a split, or two if the images would be too small."""
        shapes = _panel_shapes(data)
        label = 0 if data.num_classes is None else _LABEL
        cell_gap = _CELL_GAP if len(shapes) == 1 else _WIDE_CELL_GAP
        gaps = sum(gap for gap, _ in shapes) + cell_gap
        for columns in (num, -(-num // 2)):
            room = (_MAX_WIDTH - _LEFT - _MARGIN + cell_gap) // max(columns, 5) - gaps
            scale = room / sum(width for _, (_, width) in shapes)
            scale = min(scale, 104 / max(height for _, (height, _) in shapes))
            scale = int(scale) if scale >= 1 else scale
            if scale * min(min(size) for _, size in shapes) >= _MIN_SIDE:
                break
        widths = tuple((gap, round(width * scale)) for gap, (_, width) in shapes)
        height = round(max(height for _, (height, _) in shapes) * scale)
        return cls(columns, scale, widths, height, label, cell_gap)

    @property
    def cell_width(self):
        return sum(gap + width for gap, width in self.widths)

    def image_span(self, num_context):
        """Returns where the image's panels start and end, from the example's left."""
        start = sum(gap + width for gap, width in self.widths[:num_context])
        return start + self.widths[num_context][0], self.cell_width

    @property
    def width(self):
        wanted = _LEFT + self.columns * (self.cell_width + self.cell_gap) - self.cell_gap + _MARGIN
        return max(_MIN_WIDTH, wanted)

    @property
    def first_centre(self):
        return self.label + self.height // 2

    @property
    def line_height(self):
        return self.label + self.height + _LINE_GAP

    def band_height(self, num):
        return -(-num // self.columns) * self.line_height - _LINE_GAP + _BAND_GAP


def _panel_shapes(data):
    """Returns for each panel of an example the gap before it and its (height, width)."""
    shapes = [] if data.context_shape is None else [data.context_shape]
    gaps_and_sizes = []
    for *size, channels in [*shapes, data.image_shape]:
        gap = _ARROW_GAP if gaps_and_sizes else 0
        for _ in range(_num_panels(channels, data.channels_are_images)):
            gaps_and_sizes.append((gap, tuple(size)))
            gap = _PANEL_GAP
    return gaps_and_sizes


def _num_panels(channels, channels_are_images):
    return 1 if channels == 1 or (channels == 3 and not channels_are_images) else channels


def _panels(images, channels_are_images):
    """Splits `[N, H, W, C]` to its panels, a list of uint8 `[N, H, W, 3]`."""
    num_panels = _num_panels(images.shape[-1], channels_are_images)
    return [as_pixels(panel) for panel in np.split(images, num_panels, axis=-1)]


def _draw_header(canvas, data):
    canvas.write(_MARGIN, 20, _shorten(data.name, canvas.width // 11), 17, weight="bold")
    facts = "images " + "×".join(map(str, data.image_shape))
    if data.context_shape is not None:
        facts = "context " + "×".join(map(str, data.context_shape)) + "  →  " + facts
    if data.num_classes is not None:
        facts += f",  {data.num_classes:,} classes"
    canvas.write(_MARGIN, 40, facts, 12, color=GREY)


def _shorten(text, num):
    """Keeps the end of a text that is too long: the last part of a path says most."""
    return text if len(text) <= num else "…" + text[1 - num :]


def _draw_band(canvas, layout, data, example, top):
    """Draws a split's examples, as many a line as the layout has columns."""
    context = example.get("context")
    panels = [] if context is None else _panels(context, data.channels_are_images)
    num_context = len(panels)
    panels += _panels(example["image"], data.channels_are_images)
    for index in range(len(example["image"])):
        row, column = divmod(index, layout.columns)
        x = _LEFT + column * (layout.cell_width + layout.cell_gap)
        y = top + row * layout.line_height
        _draw_panels(canvas, layout, [images[index] for images in panels], num_context, x, y)
        if data.num_classes is not None:
            start, end = layout.image_span(num_context)
            label = _label(example["label"][index], data)
            canvas.write(x + (start + end) / 2, y + layout.label / 2 - 1, label, 13, ha="center")


def _draw_panels(canvas, layout, panels, num_context, x, y):
    """Draws one example's panels from (x, y) on, below the place of its label."""
    middle = y + layout.label + layout.height // 2
    for number, ((gap, width), pixels) in enumerate(zip(layout.widths, panels, strict=True)):
        if 0 < number == num_context:
            canvas.write(x + gap / 2, middle, "→", 15, ha="center", va="center", color=GREY)
        pixels = _resize(pixels, layout.scale)
        canvas.show(x + gap, middle - len(pixels) // 2, pixels)
        x += gap + width


def _label(label, data):
    """Returns the label with zeros in front, as 058, or its class's name.

    The digits of a number may be labels of their own.
    """
    return data.label_text(label).zfill(0 if data.class_names else len(str(data.num_classes - 1)))


def _resize(pixels, scale):
    """Enlarges pixels `[H, W, 3]` to sharp squares, or reduces them smoothly."""
    if scale >= 1:
        return pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    size = [max(1, round(side * scale)) for side in pixels.shape[1::-1]]
    return np.asarray(Image.fromarray(pixels).resize(size, Image.LANCZOS))
