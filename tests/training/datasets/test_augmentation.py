"""Shifted and mirrored images are pieces of the originals, and repeat themselves."""

import numpy as np
import pytest
import tensorflow as tf

from training.datasets.augmentation import augment_batches


def _batches(num_batches=4, shape=(8, 5, 6, 2)):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (num_batches, *shape), np.uint8)
    labels = np.arange(num_batches * shape[0], dtype=np.int32).reshape(num_batches, shape[0])
    return tf.data.Dataset.from_tensor_slices({"image": images, "label": labels}), images


def _augmented(**settings):
    batches, images = _batches()
    augmented = list(augment_batches(batches, seed=3, **settings).as_numpy_iterator())
    assert [batch["label"][0] for batch in augmented] == [0, 8, 16, 24]
    return np.stack([batch["image"] for batch in augmented]), images


def _shifted(image, shift):
    """All images that a shift can give, in float-free NumPy, by the shift down and right."""
    padded = np.pad(image, ((shift, shift), (shift, shift), (0, 0)), "reflect")
    height, width = image.shape[:2]
    sides = range(2 * shift + 1)
    return {(i, j): padded[i : i + height, j : j + width] for i in sides for j in sides}


def test_each_image_is_shifted_and_half_are_mirrored():
    augmented, images = _augmented(shift=1, flip=True)
    seen = []
    for image, original in zip(
        augmented.reshape(-1, 5, 6, 2), images.reshape(-1, 5, 6, 2), strict=True
    ):
        found = [
            (place, is_flipped)
            for place, piece in _shifted(original, 1).items()
            for is_flipped in (False, True)
            if np.array_equal(image, piece[:, ::-1] if is_flipped else piece)
        ]
        assert len(found) == 1
        seen += found
    assert len({place for place, _ in seen}) == 9, "every shift occurs"
    assert 8 <= sum(is_flipped for _, is_flipped in seen) <= 24


def test_batch_k_depends_on_k_alone():
    whole, _ = _augmented(shift=2, flip=True)
    batches, _ = _batches()
    later = augment_batches(batches.skip(2), seed=3, start_step=2, shift=2, flip=True)
    np.testing.assert_array_equal([b["image"] for b in later.as_numpy_iterator()], whole[2:])
    other = augment_batches(batches, seed=4, shift=2, flip=True)
    assert np.any(next(iter(other))["image"] != whole[0])


def test_without_any_the_images_stay_as_they_are():
    augmented, images = _augmented()
    np.testing.assert_array_equal(augmented, images)


@pytest.mark.parametrize("shift", [-1, 5])
def test_a_shift_that_cannot_be_is_refused(shift):
    with pytest.raises(
        ValueError, match=rf"from 0 to 4: below the 5 pixels.*Received: shift={shift}"
    ):
        augment_batches(_batches()[0], seed=0, shift=shift)
