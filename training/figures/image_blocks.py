"""Images in blocks with titles: what each column and each row shows."""

import dataclasses
import math

import numpy as np

from training.figures.canvas import GREY, Canvas, text_width

__all__ = ["Block", "save_blocks"]

# All lengths are in pixels of the picture.
_WIDTH = 1400  # That the images are enlarged to, at most.
_LARGEST_ZOOM = 4
_MARGIN = 12  # Round everything.
_GAP = 3  # Between images.
_BLOCK_GAP = 18
_LABEL_GAP = 10  # Between labels and images.
_TITLE, _HEADING, _CAPTION = 26, 20, 17  # Heights of lines.
_TITLE_SIZE, _HEADING_SIZE, _LABEL_SIZE = 15, 13, 12


@dataclasses.dataclass(frozen=True)
class Block:
    """Images that stand together.

    Attributes:
        title: What they are.
        images: Pixels uint8 `[R, K, H, W, 3]` of R rows and K columns; rows may be `None` where a
            row of the picture has none of this block.
        captions: K texts, one above each column; or none.
    """

    title: str
    images: list
    captions: tuple = ()

    @property
    def example(self):
        """The images of the first row that has any, `[K, H, W, 3]`."""
        return next(row for row in self.images if row is not None)


def save_blocks(path, blocks, title="", row_labels=()):
    """Saves blocks side by side, enlarged by a whole number, each pixel a sharp square.

    Args:
        path: A PNG file; its folder is made.
        blocks: `Block`s of as many rows each.
        title: Of the whole picture.
        row_labels: A text a row, of one line or two; none for none.
    """
    widths = [_sizes(block)[1] * len(block.example) for block in blocks]
    zoom = min(_LARGEST_ZOOM, max(1, _WIDTH // sum(widths)))
    left = _MARGIN + (_label_width(row_labels) if row_labels else 0)
    has_captions = any(block.captions for block in blocks)
    has_titles = any(block.title for block in blocks)
    top = _MARGIN + _TITLE * bool(title) + _HEADING * has_titles + _CAPTION * has_captions
    places = _places(blocks, left, zoom)
    line = max(_sizes(block)[0] for block in blocks) * zoom + _GAP
    num_rows = len(blocks[0].images)
    width = places[-1] + _width(blocks[-1], zoom) + _MARGIN
    width = max(width, 2 * _MARGIN + math.ceil(text_width(title, _TITLE_SIZE, "bold")))
    canvas = Canvas(width, top + num_rows * line - _GAP + _MARGIN)
    canvas.write(_MARGIN, _MARGIN + 8, title, _TITLE_SIZE, weight="bold")
    for row, label in enumerate(row_labels):
        _write_label(canvas, label, left - _LABEL_GAP, top + row * line + line // 2)
    for block, x in zip(blocks, places, strict=True):
        _draw(canvas, block, x, top, line, zoom)
    canvas.save(path)


def _sizes(block):
    return block.example.shape[1:3]


def _width(block, zoom):
    return len(block.example) * (_sizes(block)[1] * zoom + _GAP) - _GAP


def _places(blocks, left, zoom):
    """Where each block begins; one whose title is wider than its images makes room for it."""
    places, x = [], left
    for block in blocks:
        places.append(x)
        title = math.ceil(text_width(block.title, _HEADING_SIZE))
        x += max(_width(block, zoom), title) + _BLOCK_GAP
    return places


def _label_width(labels):
    lines = [line for label in labels for line in label.split("\n")]
    return math.ceil(max(text_width(line, _LABEL_SIZE) for line in lines)) + _LABEL_GAP


def _write_label(canvas, label, right, middle):
    lines = label.split("\n")
    for index, text in enumerate(lines):
        y = middle + 15 * (index - (len(lines) - 1) / 2)
        canvas.write(right, y, text, _LABEL_SIZE, ha="right", color="black" if index == 0 else GREY)


def _draw(canvas, block, left, top, line, zoom):
    heading = top - _HEADING // 2 - _CAPTION * bool(block.captions)
    canvas.write(left, heading, block.title, _HEADING_SIZE)
    step = _sizes(block)[1] * zoom + _GAP
    for column, caption in enumerate(block.captions):
        x = left + column * step + (step - _GAP) / 2
        canvas.write(x, top - _CAPTION // 2, caption, _LABEL_SIZE, ha="center", color=GREY)
    for row, images in enumerate(block.images):
        for column, pixels in enumerate(() if images is None else images):
            enlarged = np.repeat(np.repeat(pixels, zoom, axis=0), zoom, axis=1)
            canvas.show(left + column * step, top + row * line, enlarged)
