import numpy as np
import pytest
import scipy.ndimage

from training.evaluation import chain_steps, sharpness
from training.evaluation.sharpness import sharpness as sharpness_of


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 9, 7, 3), dtype=np.uint8)


def test_sharpness_is_the_variance_of_scipys_laplacian(images):
    expected = []
    for image in images.astype(np.float64) / 255.0:
        laplacian = scipy.ndimage.laplace(image.mean(axis=-1))
        expected.append(laplacian[1:-1, 1:-1].var())
    np.testing.assert_allclose(sharpness_of(images), expected, rtol=1e-12)
    np.testing.assert_allclose(sharpness_of(np.float32(images / 255.0)), expected, rtol=1e-5)


def test_blur_lowers_it_and_flat_or_sloping_images_have_none(images):
    blurred = scipy.ndimage.gaussian_filter(images / 255.0, (0, 1, 1, 0))
    assert (sharpness_of(blurred) < 0.2 * sharpness_of(images)).all()
    slope = np.broadcast_to(np.linspace(0, 1, 8)[:, None, None], (8, 8, 1))
    np.testing.assert_allclose(sharpness_of(np.stack([slope, 0 * slope])), 0.0, atol=1e-30)


def test_pixels_out_of_range_count_as_they_are_shown(images):
    floats = images / 255.0 * 3.0 - 1.0
    np.testing.assert_array_equal(sharpness_of(floats), sharpness_of(np.clip(floats, 0, 1)))


def test_images_too_small_are_refused():
    with pytest.raises(ValueError, match=r"at least 3x3.*\(1, 2, 8, 1\)"):
        sharpness_of(np.zeros((1, 2, 8, 1)))


# === Measures of models ===


class BlurringModel:
    """Reconstructs images in three steps, each less blurred; its samples are noise."""

    has_chain = True

    def reconstruct(self, images, seed, return_chain=False):
        chain = tf_stack([blur(images, sigma) for sigma in (2.0, 1.0, 0.5)])
        return chain if return_chain else chain[-1]

    def sample(self, num, seed, return_chain=False):
        from zoo import random

        noise = random.RowNoise(random.row_seeds(seed, num)).uniform((16, 16, 1))
        return tf_stack([0.1 * noise, noise, noise]) if return_chain else noise


def tf_stack(parts):
    import tensorflow as tf

    return tf.stack(parts)


def blur(images, sigma):
    import tensorflow as tf

    def in_numpy(levels):
        return scipy.ndimage.gaussian_filter(levels / np.float32(255), (0, sigma, sigma, 0))

    blurred = tf.numpy_function(in_numpy, [images], tf.float32)
    return tf.ensure_shape(blurred, [None, 16, 16, 1])


@pytest.fixture(scope="module")
def data():
    from training import datasets

    return datasets.load("digits", image_size=16)


@pytest.fixture(scope="module")
def digits(data):
    batches = data.levels.batches("test", 100, 250).as_numpy_iterator()
    return np.concatenate([batch["image"] for batch in batches])


def test_measure_compares_reconstructions_and_samples_with_the_data(data, digits):
    found = sharpness.measure(BlurringModel(), data, num_images=250)
    assert found["images"] == 250
    assert found["data"] == pytest.approx(sharpness_of(digits).mean())
    blurred = scipy.ndimage.gaussian_filter(np.float32(digits / 255.0), (0, 0.5, 0.5, 0))
    assert found["reconstructions"] == pytest.approx(sharpness_of(blurred).mean(), rel=1e-4)
    # Of uniform noise: variance 1/12 times the stencil's sum of squares, 20.
    assert found["samples"] == pytest.approx(20 / 12, rel=0.05)


def test_chain_steps_measure_every_step(data, digits):
    found = chain_steps.measure(BlurringModel(), data, num_images=250)
    assert found["data_sharpness"] == pytest.approx(sharpness_of(digits).mean())
    levels = digits / 255.0
    for step, sigma in enumerate((2.0, 1.0, 0.5), start=1):
        blurred = scipy.ndimage.gaussian_filter(np.float32(levels), (0, sigma, sigma, 0))
        rmse = np.sqrt(np.mean((blurred - levels) ** 2))
        assert found[f"step_{step}_rmse"] == pytest.approx(rmse, rel=1e-4)
        expected = sharpness_of(blurred).mean()
        assert found[f"step_{step}_sharpness"] == pytest.approx(expected, rel=1e-4)
    assert found["step_1_sample_sharpness"] == pytest.approx(
        0.01 * found["step_2_sample_sharpness"], rel=1e-3
    )
    assert len(found) == 2 + 3 * 3


def test_chain_steps_refuse_a_model_without_a_chain(data):
    import zoo
    from zoo.errors import UsageError

    with pytest.raises(UsageError, match="ConvVAE gives no chain"):
        chain_steps.measure(zoo.ConvVAE((16, 16, 1), filters=(4,), hidden_units=4), data)
