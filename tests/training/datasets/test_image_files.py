import io
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from training.datasets.image_files import decode_image, find_image_files, read_image
from zoo.serving import encoded_images


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


def test_what_was_reduced_is_told():
    of_16_bits = np.arange(0, 65536, 4096, np.uint16).reshape(4, 4)
    grey = encoded(Image.fromarray(of_16_bits))
    colour = tf.io.encode_png(np.stack([of_16_bits] * 3, -1)).numpy()
    assert read_image(grey).is_16_bit
    assert read_image(colour).is_16_bit
    assert not read_image(encoded(Image.fromarray(COLOUR))).is_16_bit
    first, second = Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)
    for suffix, is_told in (("gif", True), ("tiff", True), ("png", True), ("mpo", False)):
        data = encoded(first, suffix, save_all=True, append_images=[second])
        assert read_image(data).has_more_frames == is_told, suffix
    assert not read_image(encoded(first, "tiff")).has_more_frames


# === Served ===


def png(pixels, **options):
    return encoded(Image.fromarray(pixels), **options)


def _kinds_of_files():
    random = np.random.default_rng(1)
    smooth = Image.fromarray(COLOUR).resize((5, 6), Image.Resampling.BILINEAR)
    grey = np.asarray(smooth.convert("L"))
    of_16_bits = random.integers(0, 65536, (6, 5, 4), dtype=np.uint16)
    kinds = {
        "jpeg": encoded(smooth, "jpeg"),
        "grey jpeg": encoded(smooth.convert("L"), "jpeg"),
        "jpeg with an upright camera": encoded(smooth, "jpeg", exif=_exif(1)),
        "png": encoded(smooth),
        "grey": png(grey),
        "alpha": png(random.integers(0, 256, (6, 5, 4), dtype=np.uint8)),
        "grey and alpha": png(random.integers(0, 256, (6, 5, 2), dtype=np.uint8)),
        "transparent colour": png(COLOUR, transparency=tuple(COLOUR[1, 1].tolist())),
        "transparent grey": png(grey, transparency=int(grey[1, 1])),
        "1 bit": encoded(smooth.convert("1")),
        "16 bits": png(of_16_bits[..., 0]),
    }
    for bits in (1, 2, 4, 8):
        few = smooth.quantize(2**bits)
        kinds[f"palette of {bits} bits"] = encoded(few, bits=bits)
        kinds[f"transparent palette of {bits} bits"] = encoded(few, bits=bits, transparency=1)
    for channels in (2, 3, 4):
        pixels = of_16_bits[..., :channels]
        kinds[f"{channels} channels of 16 bits"] = tf.io.encode_png(pixels).numpy()
    return kinds


def _exif(orientation, endian="<"):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F], exif[0x0112] = "a maker", orientation
    return exif.tobytes()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_served_graph_sees_the_same_pixels(channels):
    files = _kinds_of_files()
    images, errors = encoded_images.decode(tf.constant(list(files.values())), (6, 5, channels))
    levels = np.rint(images.numpy() * 255.0)
    for (name, data), image, error in zip(files.items(), levels, errors.numpy(), strict=True):
        assert error == b"", name
        np.testing.assert_array_equal(image, decode_image(data, channels), err_msg=name)


def test_what_a_served_graph_would_read_otherwise_it_refuses_by_name():
    smooth = Image.fromarray(COLOUR)
    turned = [
        encoded(smooth, file_format, exif=_exif(orientation, endian))
        for file_format in ("jpeg", "png")
        for orientation in range(2, 9)
        for endian in "<>"
    ]
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    turned.append(encoded(smooth, "jpeg", xmp=xmp))
    _, errors = encoded_images.decode(tf.constant(turned), COLOUR.shape)
    assert all(b"a camera's orientation (EXIF); turn" in error for error in errors.numpy())
    for data in turned:  # And a folder turns them; quarter turns swap the sides.
        assert not np.array_equal(decode_image(data), decode_image(encoded(smooth)))
    keyed = png(np.zeros((6, 5), np.uint16), transparency=7)
    cmyk = encoded(smooth.convert("CMYK"), "jpeg")
    _, errors = encoded_images.decode(tf.constant([cmyk, keyed]), COLOUR.shape)
    assert b"4 colours (CMYK); convert it" in errors.numpy()[0]
    assert b"a transparent colour; save it with 8 bits" in errors.numpy()[1]
    with pytest.raises(ValueError, match="no transparent colour"):
        decode_image(keyed)


# === Finding ===


def paths_of(folder):
    return [path.relative_to(folder).as_posix() for path in find_image_files(folder)[0]]


@pytest.mark.parametrize("name", ["1.JPG", "1.jfif", "1.jpe", "1.tif", "1.jp2", "1.avif", "1.qoi"])
def test_every_suffix_that_pillow_reads(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert find_image_files(tmp_path) == ([tmp_path / name], [])


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
    assert paths_of(tmp_path) == ["0.gif", "a/deep/3.webp", "b/1.png", "b/2.JPG"]


def test_what_is_left_out_is_told(tmp_path):
    names = ("0.png", "a.heic", "b.HEIC", "IMG_1", ".hidden.png", ".DS_Store", ".cache/1.png")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    _, left_out = find_image_files(tmp_path)
    others, hidden, missing = left_out
    assert others == "3 of other kinds (.heic: 2, no suffix: 1)"
    assert hidden in ("2 hidden (.hidden.png, .cache)", "2 hidden (.cache, .hidden.png)")
    assert missing == "1 linked to nothing (gone.png)"


def test_links_are_followed_and_no_folder_is_read_twice(tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    for name in ("folder/0.png", "elsewhere/deep/1.png", "2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (folder / "class").symlink_to(elsewhere)
    (folder / "same").symlink_to(elsewhere / "deep")
    (elsewhere / "back").symlink_to(folder)
    (folder / "3.png").symlink_to(tmp_path / "2.png")
    assert paths_of(folder) == ["0.png", "3.png", "class/deep/1.png"]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "0.png").write_bytes(b"")

    def walk(folder, followlinks, onerror):
        onerror(PermissionError(13, "Permission denied", f"{folder}/secret"))

    monkeypatch.setattr(os, "walk", walk)
    with pytest.raises(ValueError, match=r"secret \(Permission denied\); change its permissions"):
        find_image_files(tmp_path)


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere, which is not a folder"):
        find_image_files(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(
        FileNotFoundError, match=f"in {tmp_path} or its subfolders, received none .*txt: 1"
    ):
        find_image_files(tmp_path)
