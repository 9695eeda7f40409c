"""Pictures that are decoded no larger than needed, against all of their pixels."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from training.datasets.decoding import decode_image
from training.datasets.image_files import read_image
from training.datasets.resizing import fit_image, least_size


def encoded(height, width, image_format="JPEG", **options):
    """A picture of soft edges with grain, as a photograph has them."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(coarse).resize((width, height)), np.float64)
    pixels = (picture + rng.normal(0, 3, picture.shape)).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, image_format, **options)
    return file.getvalue()


def by_tensorflow(data, side):
    return decode_image(tf.constant(data), (None, None, 3), least_size=(side, side)).numpy()


def by_pillow(data, side):
    return read_image(data, least_size=(side, side)).pixels


@pytest.mark.parametrize("decode", [by_tensorflow, by_pillow])
@pytest.mark.parametrize(
    ("stored", "side", "decoded"),
    [
        ((256, 341), 64, (64, 86)),
        ((256, 341), 65, (128, 171)),
        ((600, 520), 64, (75, 65)),
        ((100, 90), 64, (100, 90)),
        ((40, 90), 64, (40, 90)),
    ],
)
def test_a_jpeg_comes_reduced_but_not_too_far(decode, stored, side, decoded):
    image = decode(encoded(*stored), side)
    assert image.shape == (*decoded, 3)


@pytest.mark.parametrize("decode", [by_tensorflow, by_pillow])
@pytest.mark.parametrize("stored", [(256, 341), (600, 520)])
def test_brought_to_its_size_it_is_what_all_pixels_give(decode, stored):
    data = encoded(*stored)
    whole, part = decode(data, 1000), decode(data, max(least_size((64, 64), "crop")))
    assert part.shape[0] <= whole.shape[0] / 2
    images = (fit_image(image, (64, 64), "crop").numpy() for image in (whole, part))
    error = np.subtract(*images, dtype=np.float64)
    assert np.sqrt(np.mean(error**2)) < 1.5


@pytest.mark.parametrize("decode", [by_tensorflow, by_pillow])
def test_other_formats_keep_their_size(decode):
    assert decode(encoded(256, 341, "PNG"), 64).shape == (256, 341, 3)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_a_window_is_what_a_slice_of_all_pixels_is(image_format):
    data = encoded(120, 90, image_format)
    whole = decode_image(tf.constant(data), (120, 90, 3)).numpy()
    part = decode_image(tf.constant(data), (120, 90, 3), window=(17, 9, 64, 48)).numpy()
    # At the window's rim the decoder has no neighbours from which to interpolate colour.
    np.testing.assert_array_equal(part[1:-1, 1:-1], whole[18:80, 10:56])


def test_a_turned_picture_is_reduced_by_its_shorter_side():
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned by a quarter.
    image = read_image(encoded(256, 600, exif=exif), least_size=(64, 64)).pixels
    assert image.shape == (150, 64, 3)


def test_what_a_picture_needs_is_told_by_how_it_is_fitted():
    assert least_size((32, 48), "crop") == least_size((32, 48), "resize") == (64, 96)
    assert least_size((32, 48), "patches") == (256, 384)
    assert least_size((32, 48), "exact") is None
    assert least_size(None, "crop") is None
