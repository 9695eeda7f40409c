import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from training.datasets.resizing import convert_channels, cut_patches, fit_image


def random_image(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("stored", [(40, 60), (60, 40), (33, 33), (8, 12)])
@pytest.mark.parametrize("size", [(16, 16), (24, 12)])
def test_resizing_agrees_with_pillow(stored, size):
    image = random_image(*stored)
    expected = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    # Pillow computes in 8-bit fixed point: a level of difference is rounding.
    difference = fit_image(image, size, "resize").numpy().astype(int) - np.asarray(expected)
    assert abs(difference).max() <= 1


@pytest.mark.parametrize(
    ("stored", "size", "window"),  # the window is (left, top, right, bottom)
    [
        ((40, 60), (16, 16), (10, 0, 50, 40)),
        ((60, 40), (16, 16), (0, 10, 40, 50)),
        ((40, 60), (20, 10), (20, 0, 40, 40)),
        ((33, 33), (20, 10), (8, 0, 24, 33)),
        ((40, 60), (80, 80), (10, 0, 50, 40)),
    ],
)
def test_cropping_takes_the_largest_centred_window(stored, size, window):
    image = random_image(*stored)
    cropped = Image.fromarray(image).crop(window)
    expected = cropped.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    difference = fit_image(image, size, "crop").numpy().astype(int) - np.asarray(expected)
    assert abs(difference).max() <= 1


def test_a_crop_to_its_own_shape_is_the_centre_itself():
    image = random_image(10, 14)
    np.testing.assert_array_equal(fit_image(image, (10, 10), "crop").numpy(), image[:, 2:12])


def test_exact_keeps_the_right_size_and_refuses_another():
    image = random_image(10, 14)
    np.testing.assert_array_equal(fit_image(image, (10, 14), "exact").numpy(), image)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r'images of 14x10 .*"exact"'):
        fit_image(image, (14, 10), "exact")


def test_channels():
    colour = random_image(5, 6)
    grey = convert_channels(tf.constant(colour), 1).numpy()
    luminance = np.asarray(Image.fromarray(colour).convert("L")).astype(int)
    assert abs(grey[..., 0] - luminance).max() <= 1
    np.testing.assert_array_equal(
        convert_channels(tf.constant(grey), 3).numpy(), np.repeat(grey, 3, axis=-1)
    )
    with pytest.raises(ValueError, match="received 4 channels"):
        convert_channels(tf.zeros([5, 6, 4], tf.uint8), 3)


# === Patches ===


def test_patches_of_a_small_photograph_are_its_pixels_around_the_centre():
    image = random_image(20, 35)
    patches = cut_patches(image, (8, 8))
    assert patches.shape == (2, 4, 8, 8, 3)
    rows = np.concatenate([np.concatenate(list(row), axis=1) for row in patches])
    np.testing.assert_array_equal(rows, image[2:18, 1:33])
    np.testing.assert_array_equal(fit_image(image, (8, 8), "patches"), patches[1, 2])


def test_a_large_photograph_is_reduced_to_4_patches_across():
    image = random_image(120, 200)
    patches = cut_patches(image, (8, 8))
    assert patches.shape == (4, 6, 8, 8, 3)
    reduced = fit_image(image, (32, 53), "resize").numpy()
    np.testing.assert_array_equal(patches[0, 0], reduced[:8, 2:10])
    np.testing.assert_array_equal(patches[3, 5], reduced[24:, 42:50])


def test_a_photograph_smaller_than_a_patch_is_fitted():
    image = random_image(6, 20)
    patches = cut_patches(image, (8, 8))
    np.testing.assert_array_equal(patches[0, 0], fit_image(image, (8, 8), "crop"))
