"""scikit-learn's handwritten digits: real images that need no download."""

import functools

import numpy as np

from training.datasets.image_dataset import ImageDataset
from training.datasets.registry import register
from training.datasets.resizing import convert_channels, fit_image
from training.datasets.splits import MemorySplit

DEFAULT_IMAGE_SIZE = (16, 16)
NUM_VALIDATION = 200
NUM_TEST = 300
LICENCE = (
    "E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning "
    "Repository, 1998, <https://archive.ics.uci.edu/dataset/80>, "
    "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/); its test images, as scikit-learn "
    "ships them"
)
MAX_STORED_VALUE = 16  # scikit-learn counts the inked pixels of 4x4 blocks


@register("digits")
def load_digits(image_size, channels) -> ImageDataset:
    """Loads the 1797 digits of `sklearn.datasets.load_digits`.

    They are 8x8 pixels with values 0 to 16. Here 16 becomes 255, and they are resized, bilinearly,
    to `image_size` (16x16 by default, 32x32 for larger models), in 1 or 3 equal `channels`. The
    splits are fixed and stratified by digit: 1297 for training, 200 validation, 300 test images.
    """
    stored, indices_of_splits = _stored()
    height, width = image_size or DEFAULT_IMAGE_SIZE
    resized = "" if (height, width) == (8, 8) else f" resized to {height}x{width}"
    values = stored.images[..., None] * (255 / MAX_STORED_VALUE)
    images = fit_image(values, (height, width), "resize")
    images = convert_channels(images, channels or 1).numpy()
    labels = stored.target.astype(np.int32)
    splits = {
        name: MemorySplit({"image": images[indices], "label": labels[indices]})
        for name, indices in indices_of_splits.items()
    }
    return ImageDataset(
        name="digits",
        image_shape=images.shape[1:],
        num_classes=10,
        description=f"scikit-learn's handwritten digits, 8x8{resized}.",
        splits=splits,
        licence=LICENCE,
    )


@functools.cache  # To read and split them takes 0.06 s of CPU time.
def _stored():
    """Returns scikit-learn's digits and the indices of each split."""
    # Imported here: scikit-learn takes a while to import and no other set needs it.
    import sklearn.datasets

    stored = sklearn.datasets.load_digits()
    return stored, _split_indices(stored.target)


def _split_indices(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the sorted indices of each split's examples, with the same share of each class."""
    from sklearn.model_selection import train_test_split

    rest, test = train_test_split(
        np.arange(len(labels)), test_size=NUM_TEST, stratify=labels, random_state=0
    )
    train, validation = train_test_split(
        rest, test_size=NUM_VALIDATION, stratify=labels[rest], random_state=0
    )
    indices = {"train": train, "validation": validation, "test": test}
    return {name: np.sort(chosen) for name, chosen in indices.items()}
