"""Images to bytes and back without any loss, or an error."""

import importlib.util
import sys

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo import codec
from zoo.codec import lossless

needs_constriction = pytest.mark.skipif(
    importlib.util.find_spec("constriction") is None,
    reason="lossless coding needs constriction: pip install 'vae-zoo[codec]'",
)


@pytest.fixture(scope="module")
def model():
    return contract.make_model("PixelVAE")


@pytest.fixture(scope="module")
def coder(model):
    return codec.LosslessCodec(model)


def drawn(coder, num):
    """Images that the model draws, uint8."""
    rng = np.random.default_rng(2)
    images = np.zeros((lossless._BATCH, *contract.IMAGE_SHAPE), int)

    def take(row, column, channel, frequencies):
        found = [rng.choice(256, p=shares / 2**20) for shares in frequencies]
        images[:, row, column, channel] = found
        return images[:, row, column, channel]

    coder._walk(take)
    return images[:num].astype(np.uint8)


@pytest.fixture(scope="module")
def images(coder):
    """Images of the model, of noise, and of one level alone, uint8."""
    own = drawn(coder, 3)
    noise = np.random.default_rng(0).integers(0, 256, (2, *contract.IMAGE_SHAPE), dtype=np.uint8)
    return np.concatenate([own, noise, np.zeros_like(own[:1]), np.full_like(own[:1], 255)])


@pytest.fixture(scope="module")
def codes(coder, images):
    return coder.encode(images)


@needs_constriction
def test_every_image_comes_back_exactly(coder, codes, images):
    decoded = coder.decode(codes)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, images)
    assert coder.encode(images[2:3] / np.float32(255)) == codes[2:3]
    np.testing.assert_array_equal(coder.decode(codes[4:5]), images[4:5])


@needs_constriction
def test_codes_are_as_long_as_the_models_log_probability_says(coder, codes, images):
    zeros = tf.zeros([len(images), coder.model.latent_dim])
    log_prob = coder.model.decode((zeros,)).log_prob(tf.constant(images / np.float32(255)))
    bits = -np.asarray(log_prob) / np.log(2)
    sizes = np.array([8 * len(code) for code in codes])
    assert (sizes[:3] - bits[:3] <= 8 * 4).all()
    assert (sizes[:5] >= bits[:5] - 1).all()
    assert len(codes[0]) < images[0].size  # What the model drew it knows well.


@needs_constriction
def test_more_images_than_a_batch(coder, codes, images, monkeypatch):
    monkeypatch.setattr(lossless, "_BATCH", 3)
    assert coder.encode(images) == codes
    np.testing.assert_array_equal(coder.decode(codes), images)


@needs_constriction
@pytest.mark.parametrize(
    "spoil",
    [
        lambda code: code[:-1],
        lambda code: code + b"\0",
        lambda code: code[:1] + bytes([code[1] ^ 1]) + code[2:],
        lambda code: code[:7] + bytes([code[7] ^ 16]) + code[8:],
        lambda code: b"",
    ],
)
def test_a_damaged_code_is_named(coder, codes, spoil):
    with pytest.raises(codec.CodecError, match=r"Code 1 does not give the image that was coded"):
        coder.decode([codes[0], spoil(codes[1])])


@needs_constriction
def test_networks_that_come_to_other_probabilities_are_refused(coder, codes, monkeypatch):
    """As on a machine that rounds otherwise: the picture would be another one."""
    monkeypatch.setattr("zoo.codec.pixel_network._GRID", 4095.0)
    with pytest.raises(codec.CodecError, match="the networks round otherwise on this machine"):
        coder.decode(codes[:1])


@needs_constriction
def test_an_archive_brings_all_but_the_model(coder, codes, images):
    data = codec.pack(coder, codes)
    assert len(data) < sum(map(len, codes)) + 2 * len(codes) + 26
    other, unpacked = codec.unpack(data, coder.model)
    assert unpacked == codes
    np.testing.assert_array_equal(other.decode(unpacked), images)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x41
        with pytest.raises(codec.CodecError):
            codec.unpack(bytes(damaged), coder.model)
    changed = contract.make_model("PixelVAE")
    changed.decoder.head.bias.assign_add(np.full(changed.decoder.head.bias.shape, 1e-3))
    with pytest.raises(codec.CodecError, match="made with another model than this PixelVAE"):
        codec.unpack(data, changed)


@needs_constriction
def test_lengths_of_codes_may_be_any(coder):
    codes = [bytes(size) for size in (0, 1, 127, 128, 300, 70_000)]
    assert codec.unpack(codec.pack(coder, codes), coder.model)[1] == codes


def test_without_constriction_it_is_said_what_to_install(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(ImportError, match=r"pip install 'vae-zoo\[codec\]'"):
        codec.LosslessCodec(model)


def test_a_model_that_cannot_code_exactly_is_named():
    with pytest.raises(ValueError, match=r"made by a PixelVAE.*Received: a ConvVAE"):
        codec.LosslessCodec(contract.make_model("ConvVAE"))
    binary = zoo.PixelVAE((4, 4, 1), latent_dim=1, filters=2, likelihood="bernoulli")
    with pytest.raises(ValueError, match=r"pixels of 256 levels.*Received: Bernoulli"):
        codec.LosslessCodec(binary)
