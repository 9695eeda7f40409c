"""A picture in pixels: images exactly as they are, text beside them."""

import io

from training.figures.grids import with_folder

__all__ = ["DPI", "GREY", "Canvas", "text_width"]

DPI = 100
GREY = "0.45"


def text_width(text, size, weight="normal"):
    """Returns the width in pixels of a line that `Canvas.write` writes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight=weight)  # As wide in pixels as in points.
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


class Canvas:
    """Draws in pixels from the upper left corner.

    Args:
        width: Pixels.
        height: Pixels.
    """

    def __init__(self, width, height):
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")

    def write(self, x, y, text, size, **style):
        """Writes text of a size in pixels, centred vertically on y."""
        self._figure.text(
            x / self.width,
            1 - y / self.height,
            text,
            fontsize=size * 72 / DPI,
            parse_math=False,  # A folder's name may have dollars in it.
            **{"va": "center_baseline"} | style,
        )

    def show(self, x, y, pixels):
        """Shows pixels `[H, W, 3]` with the upper left corner at (x, y)."""
        self._figure.figimage(pixels, x, self.height - y - len(pixels), origin="upper")

    def save(self, path, most_bytes=None):
        """Saves a PNG file; of only 256 colours if it would be larger: photographs, mostly.

        Args:
            path: Its folder is made.
            most_bytes: From what size on; None for all colours whatever the size.
        """
        from PIL import Image

        buffer = io.BytesIO()
        self._figure.savefig(buffer, format="png", dpi=DPI)
        picture = Image.open(buffer).convert("RGB")
        if most_bytes is not None and buffer.tell() > most_bytes:
            picture = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
        picture.save(with_folder(path), optimize=True)
