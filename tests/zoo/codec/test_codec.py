"""Images to bytes and back: within the tolerance, or an error."""

import numpy as np
import pytest

import zoo
from tests import contract
from tests.tiers import cover
from training import datasets
from zoo import codec
from zoo.codec.layout import Layout, as_bytes

TOLERANCE = 0.4  # Of models with random weights.
# A vector, through a flow, and steps of a recursion: given a context, as `digits` has it without.
KINDS = cover(
    ["ConvVAE", "NVPVAE", "ConvDRAW", "ConvDRAW_conditional_range"],
    ["ConvVAE", "NVPVAE", "ConvDRAW_conditional_range"],
)


def own_images(model, images):
    """Samples of a model: the only images that one with random weights can draw."""
    samples = model.sample(len(images), seed=3, **contract.context_of(model, images))
    return np.clip(samples, 0.0, 1.0)


@pytest.fixture(scope="module", params=KINDS)
def coder(request):
    return codec.Codec(contract.make_model(request.param), TOLERANCE, effort=3)


@pytest.fixture(scope="module")
def conv_vae():
    return codec.Codec(contract.make_model("ConvVAE"), TOLERANCE, effort=3)


@pytest.fixture(scope="module")
def codes(conv_vae, images):
    return conv_vae.encode(own_images(conv_vae.model, images))


@pytest.fixture(scope="module")
def coded(coder, images):
    """Images, their contexts if any, their codes, and what these decode to."""
    given = contract.context_of(coder.model, images)
    own = own_images(coder.model, images)
    codes = coder.encode(own, **given)
    return own, given, codes, coder.decode(codes, **given)


def rmse(levels, images):
    return np.sqrt(np.mean((levels / 255.0 - images) ** 2, axis=(1, 2, 3)))


def test_decoded_images_are_within_the_tolerance(coded):
    images, _, codes, decoded = coded
    assert all(len(code) == code[0] + 1 for code in codes)
    assert (decoded.dtype, decoded.shape) == (np.uint8, images.shape)
    assert (rmse(decoded, images) <= TOLERANCE).all()


def test_rows_that_were_found_make_the_noise_that_was_judged(coder, coded):
    images, given, *_ = coded
    blocks = coder.layout.blocks(4)

    def error(noise, times):
        context = given.get("context")
        context = None if context is None else np.repeat(context, times, axis=0)
        return rmse(coder._decoder(noise, context), np.repeat(images, times, axis=0))

    rows, noise = coder._search.search(images, given.get("context"), blocks, error)
    for row, expected in zip(rows, noise, strict=True):
        np.testing.assert_array_equal(coder._noise_of(as_bytes(row, blocks, 4)), expected)


def test_a_code_is_decoded_by_itself_as_among_others(coder, coded):
    _, given, codes, decoded = coded
    for row in (0, 5):
        own = {name: value[row : row + 1] for name, value in given.items()}
        np.testing.assert_array_equal(coder.decode(codes[row : row + 1], **own)[0], decoded[row])


def test_the_images_are_those_of_the_latents(conv_vae, codes):
    """What a codec decodes is what the model's own `decode` makes of the same latents."""
    noise = conv_vae._noise_of(codes[0][1:])
    means = conv_vae.model.decode((noise[None],)).mean()
    expected = np.round(255 * np.clip(means, 0, 1))
    assert np.abs(conv_vae.decode(codes[:1]) - expected).max() <= 1


@pytest.fixture(scope="module")
def digits():
    """A trained model, and images of its test split."""
    batch = next(iter(datasets.load("digits").batches("test", 24)))
    return zoo.load("conv_draw_digits"), batch["image"].numpy()


def test_a_flows_posterior_is_brought_to_the_priors_noise(images):
    """Through the flow of the prior and back nothing is lost, so draws lie where q does."""
    coder = codec.Codec(contract.make_model("NVPVAE"), TOLERANCE)
    model = coder.model
    mean, scale = coder._search._posterior(images)
    (latents,) = model.encode(np.repeat(images[:1], 500, axis=0), seed=9)
    noise, _ = model.prior_flow.inverse(latents)
    deviations = np.abs(np.mean(noise, axis=0) - mean[0]) / np.std(noise, axis=0)
    assert deviations.max() < 5 / np.sqrt(32)
    np.testing.assert_allclose(scale[0], np.std(noise, axis=0), rtol=0.5)
    assert (scale > 0).all()


def test_more_effort_and_more_bytes_bring_the_error_down(digits):
    model, images = digits
    images = images / np.float32(255)
    errors = {}
    for effort in (1, 8):
        coder = codec.Codec(model, 0.1, effort)
        for num_bytes in (3, 8):
            errors[effort, num_bytes] = np.mean(coder._code(images, None, num_bytes)[1] ** 2)
    assert errors[8, 8] < 0.7 * errors[8, 3]
    assert errors[8, 8] < 0.97 * errors[1, 8]


def test_the_widest_search_finds_the_best_of_all_codes(digits):
    model, images = digits
    coder = codec.Codec(model, 0.1, effort=256)
    every = coder.decode([bytes([1, number]) for number in range(256)])
    _, errors = coder._code(images[:3] / np.float32(255), None, 1)
    best = [rmse(every, image / 255.0).min() for image in images[:3]]
    np.testing.assert_allclose(errors, best, rtol=1e-5)


def test_files_are_of_the_rates_size(digits):
    model, images = digits
    coder = codec.Codec(model, 0.12, effort=8)
    codes = coder.encode(images, unfit="png")
    assert all(code[0] for code in codes)
    decoded = coder.decode(codes)
    assert (rmse(decoded, images / 255.0) <= 0.12).all()
    assert len(np.unique(decoded, axis=0)) == len(images)
    rate = np.mean(model.infer(images, seed=0).rate) / np.log(2) / 8
    assert np.mean([len(code) - 1 for code in codes]) < 1.4 * rate
    assert np.mean([len(code) for code in codes]) < 0.2 * images[0].size


def test_no_images_are_no_codes(conv_vae, images):
    assert conv_vae.encode(images[:0]) == []
    assert conv_vae.decode([]).shape == (0, *images.shape[1:])
    assert codec.unpack(codec.pack(conv_vae, []), conv_vae.model)[1] == []


def test_an_image_that_does_not_fit_is_named(images):
    coder = codec.Codec(contract.make_model("ConvVAE"), 0.01, effort=2, most_bytes=2)
    with pytest.raises(codec.CodecError, match=r"Image 0 cannot .* by 2 bytes, .*unfit='png'"):
        coder.encode(images[:2])
    model = zoo.ConvVAE((4, 8, 1), latent_dim=2, filters=(2,), hidden_units=4)
    coder = codec.Codec(model, 0.001, most_bytes=1)
    levels = np.round(255 * images[:2, ..., :1]).astype(np.uint8)
    codes = coder.encode(levels, unfit="png")
    assert [code[0] for code in codes] == [0, 0]
    np.testing.assert_array_equal(coder.decode(codes), levels)


@pytest.mark.parametrize("tolerance", [0.05, 0.1, 0.2, 0.3, 1e-9])
def test_the_tolerance_is_rounded_down(conv_vae, tolerance):
    kept = codec.Codec(conv_vae.model, tolerance, layout=conv_vae.layout).tolerance
    assert kept <= tolerance
    assert kept == np.float32(kept) == pytest.approx(tolerance, rel=1e-6)


def test_pictures_of_two_channels_are_kept_as_png(images):
    coder = codec.Codec(contract.make_model("ConvVAE"), 0.01, effort=1, most_bytes=1)
    codes = coder.encode(images[:2], unfit="png")
    assert [code[0] for code in codes] == [0, 0]
    assert np.abs(coder.decode(codes) / 255.0 - images[:2]).max() < 0.003
    assert codec.unpack(codec.pack(coder, codes), coder.model)[1] == codes
    with pytest.raises(codec.CodecError, match="Code 0 should hold a PNG and does not"):
        coder.decode([codes[0][:9]])


@pytest.mark.parametrize("value", [2.0, np.nan])
def test_images_out_of_range_are_one_line(conv_vae, images, value):
    bad = images.copy()
    bad[1, 0, 0, 0] = value
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]") as error:
        conv_vae.encode(bad)
    assert "\n" not in str(error.value)


def test_one_code_is_no_list(conv_vae, codes):
    with pytest.raises(codec.CodecError, match=r"pass \[code\]"):
        conv_vae.decode(codes[0])


def test_what_decides_the_picture_is_in_the_fingerprint(conv_vae):
    model = zoo.ConvVAE((4, 8, 2), latent_dim=3, filters=(4,), hidden_units=8)
    model.set_weights(conv_vae.model.get_weights())
    other = codec.Codec(model, TOLERANCE, layout=conv_vae.layout)
    assert other.fingerprint != conv_vae.fingerprint


def test_layouts_may_come_from_images_or_another_codec(images):
    model = contract.make_model("ConvDRAW")
    images = own_images(model, images)
    of_images = codec.Codec(model, TOLERANCE, effort=1, like=images)
    same = codec.Codec(model, TOLERANCE, effort=1, layout=of_images.layout)
    assert same.fingerprint == of_images.fingerprint
    assert same.fingerprint != codec.Codec(model, TOLERANCE).fingerprint
    codes = of_images.encode(images[:1])
    np.testing.assert_array_equal(same.decode(codes), of_images.decode(codes))
    for wrong in ({"like": images}, {"layout": Layout.of_rates([np.ones(5)])}):
        with pytest.raises(ValueError, match="a layout of this model's 32 latents"):
            codec.Codec(model, TOLERANCE, **({"layout": of_images.layout} | wrong))
    with pytest.raises(ValueError, match="like must hold at least one image"):
        codec.Codec(model, TOLERANCE, like=images[:0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": 0}, "tolerance must be a finite number above 0"),
        ({"tolerance": float("nan")}, "tolerance must be a finite number above 0"),
        ({"tolerance": 2.0}, "tolerance must be a finite number above 0 and at most 1"),
        ({"effort": 0}, "effort must be an int from 1 to 256"),
        ({"most_bytes": 256}, "most_bytes must be an int from 1 to 255"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    model = contract.make_model("ConvVAE")
    with pytest.raises(ValueError, match=message):
        codec.Codec(model, **({"tolerance": 0.1} | arguments))


@pytest.mark.parametrize("name", ["PixelVAE", "SequentialVAE"])
def test_a_model_that_cannot_be_a_codec_is_named(name):
    with pytest.raises(ValueError, match=f"made of a ConvDRAW.*lossless.*: a {name}: its (im|la)"):
        codec.Codec(contract.make_model(name), 0.1)


@pytest.mark.parametrize("spoil", [lambda code: code[:-1], lambda code: code + b"x", lambda _: b""])
def test_codes_that_are_cut_or_extended_are_refused(conv_vae, codes, spoil):
    with pytest.raises(codec.CodecError, match="Code 1 is too short or too long"):
        conv_vae.decode([codes[0], spoil(codes[1])])


# === Archives ===


def test_an_archive_brings_all_but_the_model(conv_vae, codes):
    data = codec.pack(conv_vae, codes)
    other, unpacked = codec.unpack(data, conv_vae.model)
    assert unpacked == codes
    assert other.tolerance == pytest.approx(TOLERANCE)
    np.testing.assert_array_equal(other.decode(unpacked), conv_vae.decode(codes))


def test_every_flipped_byte_is_found(conv_vae, codes):
    data = codec.pack(conv_vae, codes)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x41
        with pytest.raises(codec.CodecError):
            codec.unpack(bytes(damaged), conv_vae.model)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: b"", "no archive"),
        (lambda data: b"\x89PNG", "no archive"),
        (lambda data: data[:4], "damaged"),
        (lambda data: data[:-3], "damaged"),
        (lambda data: data + b"\0", "damaged"),
        (lambda data: data[:4] + b"\x07" + data[5:], "of format 7, and .* reads formats 1 and 2"),
    ],
)
def test_bad_archives_are_told_apart(conv_vae, codes, spoil, message):
    with pytest.raises(codec.CodecError, match=message):
        codec.unpack(spoil(codec.pack(conv_vae, codes)), conv_vae.model)


def test_another_model_is_refused(conv_vae, codes):
    other = contract.make_model("ConvVAE")
    other.decoder.weights[0].assign(other.decoder.weights[0] + 1e-3)
    with pytest.raises(codec.CodecError, match="made with another model than this ConvVAE"):
        codec.unpack(codec.pack(conv_vae, codes), other)
