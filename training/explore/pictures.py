"""Images as HTML, each a PNG inside of the page, enlarged without blur.

In the page, since a picture that is a file of its own would cost another request.
"""

import base64
import html
import io

import numpy as np
from PIL import Image

from training.figures.grids import as_pixels

__all__ = ["difference", "enlarged", "figure", "message", "row"]

_LEAST_SIDE = 96  # Pixels of an image in a gallery, at least.


def figure(pixels, title="", caption=""):
    """Returns one image with words above and below it.

    Args:
        pixels: uint8 `[H, W, 3]`.
        title: Text above.
        caption: Text below.
    """
    above, below = (
        f"<figcaption>{html.escape(text)}</figcaption>" if text else "" for text in (title, caption)
    )
    return (
        f'<figure>{above}<img alt="{html.escape(title)}" src="{_source(pixels)}">{below}</figure>'
    )


def row(figures, title="", size="large"):
    """Returns figures side by side, which break into lines where there is no room.

    Args:
        figures: What `figure` gave.
        title: Text above all of them.
        size: "large", "medium" or "small", of the images.
    """
    above = f"<h4>{html.escape(title)}</h4>" if title else ""
    return f'{above}<div class="pictures {size}">{"".join(figures)}</div>'


def message(text):
    """Returns a sentence instead of pictures."""
    return f'<p class="message">{html.escape(text)}</p>'


def difference(images, others):
    """Returns how images differ, in [0, 1]: middle grey where equal, lighter where others are more.

    Args:
        images: `[N, H, W, C]`, uint8 or in pixel units.
        others: Likewise.
    """
    first, second = (_in_pixel_units(values) for values in (images, others))
    return 0.5 + 0.5 * (second - first)


def enlarged(images, channels_are_images=False):
    """Returns images as a gallery shows them without blur: a list of uint8 `[H', W', 3]`."""
    pixels = as_pixels(images, channels_are_images)
    zoom = -(-_LEAST_SIDE // min(pixels.shape[1:3]))
    return list(pixels.repeat(zoom, axis=1).repeat(zoom, axis=2))


def _in_pixel_units(values):
    values = np.asarray(values)
    return values / np.float32(255) if values.dtype == np.uint8 else values


def _source(pixels):
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "PNG")
        return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
