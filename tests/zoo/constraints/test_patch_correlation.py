"""The patch normalised cross-correlation against float64 NumPy, a patch at a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.zoo.constraints.conftest import assert_gradient, make_record
from zoo.constraints import PatchCorrelation


def reference(images, others, tolerance, size, stride):
    """κ - mean over patches of x that are not flat of their correlation coefficient."""
    values = []
    for x, g in zip(np.float64(images), np.float64(others), strict=True):
        found = []
        for row in range(0, x.shape[0] - size + 1, stride):
            for column in range(0, x.shape[1] - size + 1, stride):
                a, b = (image[row : row + size, column : column + size].ravel() for image in (x, g))
                if a.std() >= 0.01:
                    a, b = a - a.mean(), b - b.mean()
                    norm = np.sqrt((b**2).sum() + len(b) * 1e-6)
                    found.append((a / np.linalg.norm(a)) @ (b / norm))
        values.append(tolerance - np.mean(found) if found else 0.0)
    return np.array(values)


@pytest.mark.parametrize(("size", "stride"), [(8, 4), (4, 2), (4, 4), (2, 1), (12, 4)])
def test_values_are_the_shortfall_of_the_mean_correlation(pairs, size, stride):
    values = PatchCorrelation(0.9, patch_size=size, stride=stride).values(make_record(*pairs))
    assert (values.shape, values.dtype) == ((5,), tf.float32)
    np.testing.assert_allclose(values, reference(*pairs, 0.9, size, stride), atol=2e-6)


def test_a_patch_is_all_channels_with_one_mean_and_one_norm(pairs):
    images, others = pairs
    values = PatchCorrelation(0.5, patch_size=4).values(
        make_record(images[:, :4, :4], others[:, :4, :4])
    )
    numpy = [
        np.corrcoef(x[:4, :4].ravel(), g[:4, :4].ravel())[0, 1]
        for x, g in zip(images, others, strict=True)
    ]
    np.testing.assert_allclose(values, 0.5 - np.array(numpy), atol=1e-4)


def test_an_image_reconstructs_itself_and_its_negative_is_the_opposite(pairs):
    images, _ = pairs
    constraint = PatchCorrelation(0.25)
    np.testing.assert_allclose(constraint.values(make_record(images, images)), -0.75, atol=1e-4)
    values = constraint.values(make_record(images, 1 - images))
    np.testing.assert_allclose(values, 1.25, atol=1e-4)


def test_brightness_and_contrast_are_free(pairs):
    images, others = pairs
    constraint = PatchCorrelation(0.9)
    values = constraint.values(make_record(images, 0.3 + 0.5 * others))
    np.testing.assert_allclose(values, constraint.values(make_record(*pairs)), atol=1e-4)


def test_flat_patches_of_the_image_do_not_count(pairs):
    images, others = (p.copy() for p in pairs)
    images[0, :, 8:] = 0.3  # The right half is flat, up to less than a grey level.
    images[0, 3, 12] += 0.01
    images[1] = 0.7
    values = PatchCorrelation(0.9).values(make_record(images, others))
    np.testing.assert_allclose(values, reference(images, others, 0.9, 8, 4), atol=2e-6)
    assert values[1] == 0
    left = PatchCorrelation(0.9).values(make_record(images[:1, :, :12], others[:1, :, :12]))
    np.testing.assert_allclose(values[0], left[0], atol=2e-6)


def test_a_threshold_of_flatness_is_met_exactly_where_it_is_documented():
    square = np.indices((8, 8)).sum(0) % 2 - 0.5  # of standard deviation 1/2
    for deviation, counts in ((0.0105, True), (0.0095, False)):
        images = np.float32(0.5 + 2 * deviation * square)[None, :, :, None]
        value = float(PatchCorrelation(0.9).values(make_record(images, 1 - images))[0])
        assert (value > 1.5) is counts


def test_a_flat_reconstruction_correlates_with_nothing_and_has_a_finite_gradient(pairs):
    images, _ = pairs
    flat = tf.fill(images.shape, 0.3)
    constraint = PatchCorrelation(0.9)
    with tf.GradientTape() as tape:
        tape.watch(flat)
        values = constraint.values(make_record(images, flat))
    np.testing.assert_allclose(values, 0.9, atol=1e-3)
    gradient = tape.gradient(values, flat)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0, "it must show the way out"


def test_flat_images_have_no_gradient_that_is_not_finite(pairs):
    flat, reconstruction = np.full_like(pairs[0], 0.3), tf.constant(pairs[1])
    with tf.GradientTape() as tape:
        tape.watch(reconstruction)
        values = PatchCorrelation(0.9).values(make_record(flat, reconstruction))
    assert np.array_equal(values, np.zeros(5))
    assert np.array_equal(tape.gradient(values, reconstruction), np.zeros_like(flat))


def test_gradient_is_that_of_finite_differences(pairs):
    assert_gradient(PatchCorrelation(0.9, patch_size=4), *pairs)


def test_signal_is_scale_free_and_zero_at_the_tolerance():
    constraint = PatchCorrelation(0.9)
    for correlation, expected in ((0.9, 0.0), (0.8, np.log(2)), (0.95, -np.log(2))):
        violation = np.float32(0.9 - correlation)
        assert float(constraint.signal(violation)) == pytest.approx(expected, abs=1e-4)
    assert np.isfinite(constraint.signal(np.float32(0.9 - 1.0001)))
    assert constraint.initial_multiplier((4, 5, 2)) == pytest.approx(40 / 0.2)


@pytest.mark.parametrize("tolerance", [1, -1, 1.5, float("nan"), "0.5", None, True])
def test_a_tolerance_is_a_correlation(tolerance):
    with pytest.raises(
        ValueError, match=r"above -1 and below 1: the mean correlation.*Received: tol"
    ):
        PatchCorrelation(tolerance)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"patch_size": 0}, "patch_size must be an int of at least 2.*patch_size=0"),
        ({"patch_size": 1}, "patch_size must be an int of at least 2.*patch_size=1"),
        ({"patch_size": 2.5}, "patch_size must be an int.*patch_size=2.5"),
        ({"stride": 0}, "stride must be an int from 1 to 8: .*stride=0"),
        ({"patch_size": 4, "stride": 5}, "stride must be.*stride=5"),
    ],
)
def test_bad_sizes_are_named(sizes, message):
    with pytest.raises(ValueError, match=message):
        PatchCorrelation(0.9, **sizes)


@pytest.mark.parametrize(("shape", "stride"), [((4, 12, 1), 4), ((12, 14, 1), 4)])
def test_patches_that_do_not_cover_the_images_are_refused_on_compiling(shape, stride):
    model = zoo.ConvVAE(shape, latent_dim=2, filters=(2,), hidden_units=4)
    with pytest.raises(ValueError, match=r"Patches of 8x8 .* stride 4 do not cover .* Choose"):
        model.compile(objective=zoo.GECO(PatchCorrelation(0.9, stride=stride)))


def test_config_round_trip():
    constraint = PatchCorrelation(0.25, patch_size=6, stride=2, name="pncc")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(constraint))
    assert isinstance(copy, PatchCorrelation)
    assert copy.get_config() == constraint.get_config()
    assert (copy.name, copy.tolerance, copy.patch_size, copy.stride) == ("pncc", 0.25, 6, 2)
