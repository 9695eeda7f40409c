"""What a reconstruction tells of images."""

import dataclasses

import numpy as np

__all__ = ["Reconstruction", "errors_of"]


@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """Reconstructions, and what they cost.

    Attributes:
        images: `[N, H, W, C]` in pixel units.
        rmse: Root mean squared errors, `[N]`; None where images are drawn pixel by pixel.
        nats: `[N]`, or None where they are not known.
        measure: What they are the nats of: "rate", "rate at most" or "-log p(x)".
    """

    images: np.ndarray
    rmse: np.ndarray | None
    nats: np.ndarray | None
    measure: str

    def caption(self, row):
        """Returns error and nats of an image in words."""
        texts = [] if self.rmse is None else [f"rmse {self.rmse[row]:.4f}"]
        if self.nats is not None:
            texts.append(f"{self.measure} {self.nats[row]:.1f} nats")
        return ", ".join(texts)

    def short_caption(self, row):
        """Returns them as briefly as stands below a small image: rmse and nats."""
        numbers = [] if self.rmse is None else [f"{self.rmse[row]:.3f}"]
        return " · ".join(numbers if self.nats is None else [*numbers, f"{self.nats[row]:.1f}"])

    def average(self):
        """Returns error and nats of all images in words."""
        rmse = None if self.rmse is None else np.sqrt(np.mean(np.square(self.rmse)))[None]
        nats = None if self.nats is None else np.mean(self.nats)[None]
        return dataclasses.replace(self, rmse=rmse, nats=nats).caption(0)


def errors_of(images, reconstructions):
    """Returns root mean squared errors in pixel units, `[N]`, against uint8 images."""
    difference = np.asarray(images) / np.float32(255) - reconstructions
    return np.sqrt(np.mean(np.square(difference), axis=(1, 2, 3)))
