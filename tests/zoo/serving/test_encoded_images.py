"""PNG and JPEG in, PNG out, against Pillow's; bytes that are no image hurt nobody else."""

import io
import re
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.zoo.serving.conftest import COLOUR_SHAPE, graph_of
from zoo.serving import encoded_images
from zoo.serving.signatures import make_sampler_signatures, make_signatures

HEIGHT, WIDTH, _ = COLOUR_SHAPE
LEVELS = np.random.default_rng(0).integers(0, 256, (5, *COLOUR_SHAPE), np.uint8)


def write(levels, file_format="PNG", **options):
    file = io.BytesIO()
    PIL.Image.fromarray(levels).save(file, file_format, **options)
    return file.getvalue()


def read(image_bytes):
    return np.asarray(PIL.Image.open(io.BytesIO(image_bytes)))


def png_that_claims(width, height):
    """A valid header of a PNG that would unpack to far more than its few kilobytes."""

    def chunk(kind, content):
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(bytes(1_000_000), 9)) + chunk(b"IEND", b"")


GOOD_PNG, GOOD_JPEG = write(LEVELS[0]), write(LEVELS[0], "JPEG")


# === Served ===


def test_names_types_and_shapes(colour_export):
    signatures = tf.saved_model.load(str(colour_export.path)).signatures
    row, strings = ((None,), "float32"), ((None,), "string")
    seed = ((None, 2), "int32")
    expected = {
        "reconstruct_encoded": (
            {"image_bytes": strings},
            {"reconstruction_bytes": strings, "rmse": row, "error": strings},
        ),
        "sample_encoded": (
            {"seed": seed, "temperature": row},
            {"image_bytes": strings, "error": strings},
        ),
    }
    for name, sides in expected.items():
        function = signatures[name]
        found = (function.structured_input_signature[1], function.structured_outputs)
        for side, specs in zip(found, sides, strict=True):
            assert {k: (tuple(v.shape), v.dtype.name) for k, v in side.items()} == specs


def test_reconstructions_are_those_of_the_keras_model(colour_export):
    image_bytes = np.array([write(levels) for levels in LEVELS], object)
    answer = colour_export.answer("reconstruct_encoded", {"image_bytes": image_bytes})
    images = np.float32(LEVELS) / 255
    expected = colour_export.model.reconstruct(images).numpy()
    found = np.stack([read(png) for png in answer["reconstruction_bytes"]])
    assert np.abs(found / 255 - expected.clip(0, 1)).max() < 0.501 / 255
    rmse = np.sqrt(np.square(np.float64(expected) - images).mean(axis=(1, 2, 3)))
    contract.assert_close(answer["rmse"], rmse)
    assert list(answer["error"]) == [b""] * len(LEVELS)


@pytest.mark.usefixtures("uncompiled")
def test_samples_are_those_of_the_keras_model(colour_export):
    seeds = np.array([[3, 0], [3, 1], [9, 4]], np.int32)
    temperatures = np.array([1.0, 0.0, 9.0], np.float32)
    inputs = {"seed": seeds, "temperature": temperatures}
    answer = colour_export.answer("sample_encoded", inputs)
    expected = colour_export.model.sample_rows(tf.constant(seeds), temperatures).numpy()
    found = np.stack([read(png) for png in answer["image_bytes"]])
    assert np.abs(found / 255 - expected.clip(0, 1)).max() < 0.501 / 255
    with pytest.raises(tf.errors.InvalidArgumentError, match="`temperature` must be finite"):
        colour_export.answer("sample_encoded", inputs | {"temperature": -temperatures - 1})


def test_faulty_rows_leave_the_others_alone(colour_export):
    good = [write(levels) for levels in LEVELS[:2]]
    rows = np.array([good[0], GOOD_PNG[:60], b"", good[1]], object)
    answer = colour_export.answer("reconstruct_encoded", {"image_bytes": rows})
    alone = colour_export.answer("reconstruct_encoded", {"image_bytes": rows[[0, 3]]})
    assert [bool(error) for error in answer["error"]] == [False, True, True, False]
    assert list(answer["reconstruction_bytes"][[1, 2]]) == [b"", b""]
    assert np.isnan(answer["rmse"][[1, 2]]).all()
    contract.assert_close(answer["rmse"][[0, 3]], alone["rmse"])
    assert list(answer["reconstruction_bytes"][[0, 3]]) == list(alone["reconstruction_bytes"])


def test_a_request_of_faulty_rows_alone_fails(colour_export):
    rows = np.array([b"no image", GOOD_PNG[:60]], object)
    message = rf"VAE Zoo: `image_bytes` must be a PNG or JPEG image of {HEIGHT} x {WIDTH} pixels"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        colour_export.answer("reconstruct_encoded", {"image_bytes": rows})
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`image_bytes` must have shape \[N\]"
    ):
        colour_export.answer("reconstruct_encoded", {"image_bytes": rows[None]})


@pytest.mark.parametrize(("channels", "is_there"), [(1, True), (2, False), (3, True), (4, False)])
def test_only_images_of_one_or_three_channels_can_be_encoded(channels, is_there):
    names = {"reconstruct_encoded", "sample_encoded"}
    model = zoo.ConvVAE((4, 8, channels), latent_dim=2, filters=(2,), hidden_units=3)
    assert (names <= set(make_signatures(model))) == is_there
    sampler = zoo.InfusionModel((4, 8, channels), num_steps=1, filters=(2,), hidden_units=3)
    assert ("sample_encoded" in make_sampler_signatures(sampler)) == is_there


def test_signatures_share_one_graph(colour_export):
    """The encoded ones call the others' functions; a second copy would be a third of the file."""
    functions = graph_of(colour_export.path).library.function
    names = [function.signature.name for function in functions]
    for name in ("reconstruct", "sample"):
        assert len([n for n in names if re.fullmatch(rf"__inference_{name}_\d+", n)]) == 1, names


# === Reading ===


def test_pixels_are_pillows():
    files = [GOOD_PNG, GOOD_JPEG, write(LEVELS[0], "PNG", optimize=True)]
    images, errors = encoded_images.decode(tf.constant(files), COLOUR_SHAPE)
    np.testing.assert_allclose(images, np.stack([read(f) for f in files]) / 255.0, atol=1e-6)
    assert (errors.numpy() == b"").all()


def test_colours_are_converted():
    grey, alpha = LEVELS[0][..., 0], np.concatenate([LEVELS[0], LEVELS[1][..., :1]], axis=-1)
    files = tf.constant([write(grey), write(alpha), write(grey, "JPEG")])
    images, errors = encoded_images.decode(files, COLOUR_SHAPE)
    assert (errors.numpy() == b"").all()
    np.testing.assert_allclose(images[0], np.repeat(grey[..., None], 3, -1) / 255.0, atol=1e-6)
    share = LEVELS[1][..., :1] / 255.0
    over_white = share * (LEVELS[0] / 255.0) + 1.0 - share
    np.testing.assert_allclose(images[1], over_white, atol=0.501 / 255)
    images, errors = encoded_images.decode(tf.constant([GOOD_PNG]), (HEIGHT, WIDTH, 1))
    assert (errors.numpy() == b"").all()
    weights = [0.299, 0.587, 0.114]  # ITU-R BT.601
    np.testing.assert_allclose(images[0, ..., 0], LEVELS[0] @ weights / 255.0, atol=0.01)


UNREADABLE = "bytes that cannot be read as either"
FAULTY_FILES = {
    "empty": (b"", UNREADABLE),
    "text": (b"not an image at all", UNREADABLE),
    "random": (np.random.default_rng(1).bytes(500), UNREADABLE),
    "start of a PNG": (GOOD_PNG[:8], UNREADABLE),
    "cut in the header": (GOOD_PNG[:20], UNREADABLE),
    "cut after the header": (GOOD_PNG[:40], UNREADABLE),
    "cut in the pixels": (GOOD_PNG[:100], UNREADABLE),
    "a flipped bit": (GOOD_PNG[:70] + bytes([GOOD_PNG[70] ^ 1]) + GOOD_PNG[71:], UNREADABLE),
    "start of a JPEG": (GOOD_JPEG[:3], UNREADABLE),
    "JPEG cut in the pixels": (GOOD_JPEG[:-20], UNREADABLE),
    "GIF": (write(LEVELS[0][..., 0], "GIF"), UNREADABLE),
    "animated GIF": (
        write(
            LEVELS[0][..., 0],
            "GIF",
            save_all=True,
            append_images=[PIL.Image.fromarray(LEVELS[1][..., 0])],
        ),
        UNREADABLE,
    ),
    "BMP": (write(LEVELS[0], "BMP"), UNREADABLE),
    "WebP": (write(LEVELS[0], "WEBP"), UNREADABLE),
    "width": (write(LEVELS[0][:, :7]), "an image of 4 x 7 pixels"),
    "sides swapped": (write(LEVELS[0].swapaxes(0, 1)), "an image of 8 x 4 pixels"),
    "JPEG's height": (write(LEVELS[0][:3], "JPEG"), "an image of 3 x 8 pixels"),
    "far too large": (png_that_claims(50_000, 40_000), "an image of 40000 x 50000 pixels"),
    "beyond 31 bits": (png_that_claims(2**32 - 1, 4), "an image of 4 x 4294967295 pixels"),
}


def test_what_is_no_image_of_the_size_is_told_row_by_row():
    """That the size is told shows that no pixels were unpacked: these would not fit it."""
    files = [file for file, _ in FAULTY_FILES.values()]
    # A good one at either end and between any two.
    rows = [GOOD_PNG] + [row for file in files for row in (file, GOOD_JPEG)]
    images, errors = encoded_images.decode(tf.constant(rows), COLOUR_SHAPE, "image_bytes")
    images, errors = images.numpy(), [error.decode() for error in errors.numpy()]
    assert errors[::2] == [""] * (len(files) + 1)
    np.testing.assert_allclose(images[0], LEVELS[0] / 255.0, atol=1e-6)
    for image in images[2::2]:
        np.testing.assert_allclose(image, read(GOOD_JPEG) / 255.0, atol=1e-6)
    assert (images[1::2] == 0).all()
    start = "VAE Zoo: `image_bytes` must be a PNG or JPEG image of 4 x 8 pixels. Received: "
    for (name, (_, message)), error in zip(FAULTY_FILES.items(), errors[1::2], strict=True):
        assert error == start + message, name


# === Writing ===


def test_values_are_clipped_and_rounded():
    values = np.array([-1.0, 0.0, 0.4 / 255, 0.6 / 255, 0.5, 1.0, 7.0, 254.6 / 255], np.float32)
    png = encoded_images.encode(values.reshape(1, 2, 4, 1)).numpy()[0]
    assert read(png).ravel().tolist() == [0, 0, 0, 1, 128, 255, 255, 255]
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
