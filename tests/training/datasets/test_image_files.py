import io

import numpy as np
import pytest
from PIL import Image

from training.datasets.image_files import decode_image, find_image_files


def encoded(image, suffix="png", **options):
    buffer = io.BytesIO()
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


COLOUR = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm"])
def test_lossless_formats_come_back_exactly(suffix):
    np.testing.assert_array_equal(decode_image(encoded(Image.fromarray(COLOUR), suffix)), COLOUR)
    grey = decode_image(encoded(Image.fromarray(GREY), suffix))
    # Windows bitmaps have no greyscale but a palette of greys.
    np.testing.assert_array_equal(grey[..., 0], GREY)
    assert grey.shape[2] == 1


def test_webp_and_gif():
    webp = encoded(Image.fromarray(COLOUR), "webp", lossless=True)
    np.testing.assert_array_equal(decode_image(webp), COLOUR)
    few_colours = COLOUR // 128 * 255
    frames = [Image.fromarray(few_colours), Image.fromarray(255 - few_colours)]
    gif = encoded(frames[0], "gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode_image(gif), few_colours)


def test_channels_are_converted_on_request():
    grey_file, colour_file = (encoded(Image.fromarray(image)) for image in (GREY, COLOUR))
    np.testing.assert_array_equal(
        decode_image(grey_file, 3), np.repeat(GREY[..., None], 3, axis=-1)
    )
    luminance = COLOUR @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(decode_image(colour_file, 1)[..., 0], luminance, atol=0.51)


def test_16_bit_greys_are_scaled_not_clipped():
    values = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    decoded = decode_image(encoded(Image.fromarray(values)))
    np.testing.assert_array_equal(decoded[..., 0], [[0, 0, 1, 128, 255]])


def test_floating_point_pixels_are_refused():
    with pytest.raises(ValueError, match="expected 8 or 16 bits"):
        decode_image(encoded(Image.fromarray(np.ones((2, 2), np.float32)), "tiff"))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_becomes_white(mode):
    alpha = np.array([[0, 255]], np.uint8)
    image = Image.new(mode, (2, 1), 0)
    image.putalpha(Image.fromarray(alpha))
    decoded = decode_image(encoded(image))
    assert decoded[0, :, 0].tolist() == [255, 0]
    assert decoded.shape[2] == len(mode) - 1


def test_the_cameras_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise for viewing
    turned = decode_image(encoded(Image.fromarray(COLOUR), exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(COLOUR, -1))


def test_files_are_found_in_subfolders_by_suffix_sorted(tmp_path):
    for name in (
        "b/2.JPG",
        "b/1.png",
        "a/deep/3.webp",
        "0.gif",
        "notes.txt",
        ".hidden.png",
        ".cache/4.png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = [path.relative_to(tmp_path).as_posix() for path in find_image_files(tmp_path)]
    assert found == ["0.gif", "a/deep/3.webp", "b/1.png", "b/2.JPG"]


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere, which is not a folder"):
        find_image_files(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(FileNotFoundError, match=f"in {tmp_path} or its subfolders, received none"):
        find_image_files(tmp_path)
