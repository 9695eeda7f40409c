"""What another machine decodes: batches, graphs, processes and decoders other than the sender's."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests import contract
from tests.tiers import thorough
from tests.training.tiny import REPOSITORY
from zoo import codec
from zoo.codec.decoder import Decoder
from zoo.codec.layout import Layout

TOLERANCE, NUM = 0.4, 256
_DECODE = """
import sys, keras, numpy as np, zoo
for name in sys.argv[1:]:
    model = keras.saving.load_model(name + ".keras")
    coder, codes = zoo.codec.unpack(open(name + ".vz", "rb").read(), model)
    np.save(name + ".npy", coder.decode(codes))
"""


@pytest.fixture(scope="module", params=["ConvVAE", "ConvDRAW"])
def decoder(request):
    return Decoder(contract.make_model(request.param), tolerance=None)


@pytest.fixture(scope="module")
def decoded(decoder):
    return decode_noise(decoder)


def decode_noise(decoder):
    """Returns noise as codes give it, and what the sender's decoder makes of it."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((NUM, decoder.num_latents)).astype(np.float32)
    return noise, decoder(noise)


def assert_next_to(means, levels):
    """At most one of 256 levels off, and that in a few of ten thousand pixels."""
    found = np.round(255.0 * np.clip(means, 0.0, 1.0))
    difference = np.abs(found - levels)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 5e-4


@pytest.mark.parametrize("size", [1, 7])
def test_codes_in_any_company_are_decoded_alike(decoder, decoded, size):
    """Batches are filled up to one size, so to the last bit."""
    noise, levels = decoded
    parts = [decoder(noise[start : start + size]) for start in range(0, 21, size)]
    np.testing.assert_array_equal(np.concatenate(parts), levels[:21])


def test_xla_decodes_to_the_next_level_at_most(decoder, decoded):
    noise, levels = decoded
    compiled = tf.function(decoder._make_means, jit_compile=True, autograph=False)
    parts = [compiled(tf.constant(noise[start : start + 64]), None) for start in range(0, NUM, 64)]
    assert_next_to(np.concatenate(parts), levels)


def test_an_independent_decoder_in_float64_does_too():
    """ConvVAE's networks once more, in NumPy."""
    decoder = Decoder(contract.make_model("ConvVAE"), tolerance=None)
    noise, levels = decode_noise(decoder)
    model = decoder._model
    first, second, reshape, upward = model.decoder.layers
    features = silu(dense(silu(dense(noise.astype(np.float64), first)), second))
    means = transposed_convolution(features.reshape(NUM, *reshape.target_shape), upward)
    assert model.likelihood.mean == "linear"
    assert_next_to(means, levels)


def weights_of(layer):
    return (np.asarray(weight, np.float64) for weight in (layer.kernel, layer.bias))


def dense(features, layer):
    kernel, bias = weights_of(layer)
    return features @ kernel + bias


def silu(features):
    return features / (1.0 + np.exp(-features))


def transposed_convolution(maps, layer):
    """Of kernel 5 and stride 2, the border cut by one pixel before and two behind."""
    kernel, bias = weights_of(layer)
    num, height, width, _ = maps.shape
    full = np.zeros((num, 2 * height + 3, 2 * width + 3, len(bias)))
    for row, column in np.ndindex(5, 5):
        rows = slice(row, row + 2 * height, 2)
        columns = slice(column, column + 2 * width, 2)
        full[:, rows, columns] += maps @ kernel[row, column].T
    return full[:, 1 : 1 + 2 * height, 1 : 1 + 2 * width] + bias


@thorough  # In this process the tests of archives and of company see the same.
def test_another_process_decodes_the_same(images, tmp_path):
    model = contract.make_model("ConvDRAW")
    layout = Layout.of_rates([np.ones(16)] * model.num_steps, units=2)
    coders = {"ConvDRAW": codec.Codec(model, TOLERANCE, layout=layout)}
    codes = {"ConvDRAW": [bytes([3, i, 0, 255 - i]) for i in range(70)]}
    if importlib.util.find_spec("constriction") is not None:
        coders["PixelVAE"] = codec.LosslessCodec(contract.make_model("PixelVAE"))
        codes["PixelVAE"] = coders["PixelVAE"].encode(images[:2])
    for name, coder in coders.items():
        coder.model.save(tmp_path / f"{name}.keras")
        (tmp_path / f"{name}.vz").write_bytes(codec.pack(coder, codes[name]))
    command = [sys.executable, "-c", _DECODE, *coders]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    for name, coder in coders.items():
        expected = coder.decode(codes[name])
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), expected)
