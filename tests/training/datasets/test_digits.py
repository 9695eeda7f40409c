import hashlib

import numpy as np
import pytest
import sklearn.datasets
from PIL import Image

from training.datasets import load


def whole_split(data, split):
    batch = next(iter(data.batches(split, 10_000)))
    return batch["image"].numpy(), batch["label"].numpy()


@pytest.fixture(scope="module")
def stored():
    return sklearn.datasets.load_digits()


def places(split, stored):
    """Where scikit-learn's array has the digits of a split, found at 8x8, where all differ."""
    originals = np.round(stored.images * 255 / 16).astype(np.uint8)
    place_of = {image.tobytes(): place for place, image in enumerate(originals)}
    assert len(place_of) == 1797
    images, _ = whole_split(load("digits", image_size=8), split)
    return np.array([place_of[image.tobytes()] for image in images])


def test_the_splits_hold_every_digit_once_with_its_label(stored):
    data = load("digits")
    assert data.num_examples == {"train": 1297, "validation": 200, "test": 300}
    assert data.num_classes == 10
    order = {split: places(split, stored) for split in data.splits}
    assert sorted(np.concatenate(list(order.values()))) == list(range(1797))
    for split in data.splits:
        np.testing.assert_array_equal(whole_split(data, split)[1], stored.target[order[split]])


def test_the_splits_are_stratified():
    data = load("digits")
    counts = {split: np.bincount(whole_split(data, split)[1]) for split in data.splits}
    share = sum(counts.values()) / 1797
    for split, num in data.num_examples.items():
        assert (abs(counts[split] - share * num) <= 1).all()


def test_the_split_never_changes(stored):
    # Results compare only on the same test images, whichever scikit-learn is installed.
    digest = hashlib.sha256(places("test", stored).astype("<i8").tobytes()).hexdigest()
    assert digest.startswith("")


@pytest.mark.parametrize("side", [16, 32])
def test_enlarging_agrees_with_pillow_on_every_digit(stored, side):
    # Pillow's bilinear resize in floating point is an independent reference.
    expected = [
        Image.fromarray(image.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR)
        for image in stored.images
    ]
    expected = np.stack([np.asarray(image) for image in expected]) * (255 / 16)
    data = load("digits", image_size=side)
    assert data.image_shape == (side, side, 1)
    for split in data.splits:
        images, _ = whole_split(data, split)
        # Half a level of rounding, and the floating-point error of a tie.
        np.testing.assert_allclose(images[..., 0], expected[places(split, stored)], atol=0.501)


def test_three_channels_repeat_the_one():
    grey, _ = whole_split(load("digits"), "test")
    colour, _ = whole_split(load("digits", channels=3), "test")
    np.testing.assert_array_equal(colour, np.repeat(grey, 3, axis=-1))
