"""Files of image formats within a tolerance."""

import io

import numpy as np
import pytest
from PIL import Image

from training.evaluation import image_formats
from training.evaluation.image_formats import as_sheets, bytes_within, files, lossless_bytes


@pytest.fixture(scope="module")
def images():
    """Two of a little noise, one of much, which is hard."""
    ramp = np.add.outer(np.arange(16), np.arange(12)) * 4
    noise = np.random.default_rng(0).integers(0, 256, ramp.shape)
    images = np.stack([ramp + noise // 4, ramp[::-1] + noise // 4, noise])
    return images.astype(np.uint8)[..., None]


@pytest.fixture(autouse=True)
def _two_formats(monkeypatch):
    both = {kind: image_formats.FORMATS[kind] for kind in ("JPEG", "WebP")}
    monkeypatch.setattr(image_formats, "FORMATS", both)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["JPEG", "WebP"])
def test_each_quality_has_its_size_and_its_error(images, kind, channels):
    image = np.repeat(images[0], channels, axis=-1)
    found = files(image, kind)
    assert len(found) == len(image_formats.FORMATS[kind])
    quality, (size, error) = list(image_formats.FORMATS[kind])[-1], found[-1]
    stream = io.BytesIO()
    Image.fromarray(np.squeeze(image)).save(stream, kind, quality=quality)
    assert size == len(stream.getvalue())
    mode = "L" if channels == 1 else "RGB"
    decoded = np.asarray(Image.open(stream).convert(mode), float).reshape(image.shape) / 255
    assert error == pytest.approx(np.sqrt(np.mean((decoded - image / 255) ** 2)))
    assert found[0][1] > 2 * error


def test_the_smallest_file_within_the_tolerance_counts(images):
    found = bytes_within(images[:1], [0.02, 0.1])["WebP"]
    for point, tolerance in zip(found, (0.02, 0.1), strict=True):
        assert point["bytes"] == min(s for s, e in files(images[0], "WebP") if e <= tolerance)
    assert found[0]["bytes"] > found[1]["bytes"]


def test_images_that_no_quality_brings_within_are_counted(images):
    least = [min(error for _, error in files(image, "JPEG")) for image in images]
    best, worst = np.argmin(least), np.argmax(least)
    tolerance = (least[best] + least[worst]) / 2
    (found,) = bytes_within(images[[worst, best]], [tolerance])["JPEG"]
    (alone,) = bytes_within(images[[best]], [tolerance])["JPEG"]
    assert found == {"bytes": alone["bytes"], "left_out": 1}
    assert bytes_within(images[[worst]], [tolerance])["JPEG"] == [{"bytes": None, "left_out": 1}]


def test_what_cannot_be_written_is_left_out(images, monkeypatch):
    monkeypatch.setitem(image_formats.FORMATS, "NONE", range(3))
    assert "NONE" not in bytes_within(images[:1], [0.1])


def test_a_sheet_holds_its_images_row_by_row(images):
    sheets = as_sheets(np.concatenate([images, images, images]), side=2)
    assert sheets.shape == (2, 32, 24, 1)
    np.testing.assert_array_equal(sheets[0, :16, 12:], images[1])
    np.testing.assert_array_equal(sheets[1, 16:, :12], images[0])


def test_lossless_files_lose_nothing_and_tell_noise_from_order(images):
    found = lossless_bytes(images[:1])
    assert {"PNG", "WebP"} <= set(found)
    flat = lossless_bytes(np.zeros_like(images[:1]))
    assert all(flat[kind] < found[kind] for kind in found)
