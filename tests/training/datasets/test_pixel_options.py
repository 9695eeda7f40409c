import numpy as np
import pytest
import scipy.stats

from training.datasets import load, memory
from training.datasets.binarization import binarize
from training.datasets.dequantization import dequantize
from training.datasets.image_dataset import ImageDataset
from training.datasets.splits import MemorySplit


def constant_images(value, num=200):
    images = np.full((num, 8, 8, 1), value, np.uint8)
    split = MemorySplit({"image": images, "label": np.arange(num, dtype=np.int32)})
    return ImageDataset("constant", (8, 8, 1), num, "", dict.fromkeys(("train", "test"), split))


def by_label(batches):
    return {
        int(label): image
        for batch in batches.as_numpy_iterator()
        for label, image in zip(batch["label"], batch["image"], strict=True)
    }


@pytest.mark.parametrize("value", [0, 1, 64, 128, 254, 255])
def test_static_binarisation_is_white_as_often_as_the_pixel_says(value):
    images = binarize(constant_images(value), "static", seed=0).arrays("test")["image"]
    assert set(np.unique(images)) <= {0, 255}
    probability = value / 255
    spread = np.sqrt(probability * (1 - probability) / images.size)
    assert abs(np.mean(images == 255) - probability) <= 5 * spread


def test_static_binarisation_belongs_to_the_example():
    data = binarize(constant_images(128), "static", seed=0)
    ordered = by_label(data.batches("train", 7))
    shuffled = by_label(data.train_batches(50, seed=3).take(4))
    assert len(shuffled) == 200
    for label, image in ordered.items():
        np.testing.assert_array_equal(shuffled[label], image)
    images = np.stack(list(ordered.values())).reshape(200, -1)
    assert len(np.unique(images, axis=0)) == 200, "each example has a draw of its own"
    assert (images.reshape(-1) != data.arrays("test")["image"].reshape(-1)).any()
    other = binarize(constant_images(128), "static", seed=1)
    assert (other.arrays("train")["image"] != data.arrays("train")["image"]).any()


def test_binarisation_from_disk_is_that_in_memory(tmp_path, monkeypatch):
    from PIL import Image

    for number in range(60):
        pixels = np.random.default_rng(number).integers(0, 256, (6, 6), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    in_memory = load(f"folder:{tmp_path}", binarize="static", seed=4)
    expected = in_memory.arrays("train")["image"]
    assert set(np.unique(expected)) == {0, 255}
    monkeypatch.setenv(memory.VARIABLE, "0")
    on_disk = load(f"folder:{tmp_path}", binarize="static", seed=4)
    rows = [batch["image"] for batch in on_disk.batches("train", 5).as_numpy_iterator()]
    np.testing.assert_array_equal(np.concatenate(rows), expected)
    epoch = on_disk.train_batches(1, seed=0).take(len(expected))
    shuffled = {bytes(batch["image"]) for batch in epoch.as_numpy_iterator()}
    assert shuffled == {bytes(image) for image in expected}


def test_threshold_and_contexts():
    plain, binary = load("mnist_sum:digits"), load("mnist_sum:digits", binarize="threshold")
    plain, binary = plain.arrays("test"), binary.arrays("test")
    np.testing.assert_array_equal(binary["image"], np.where(plain["image"] >= 128, 255, 0))
    np.testing.assert_array_equal(binary["context"], plain["context"])
    np.testing.assert_array_equal(binary["label"], plain["label"])


def test_dequantisation_is_uniform_within_the_cell_of_the_level():
    levels = np.arange(256, dtype=np.uint8).repeat(200).reshape(200, 16, 16, 1)
    pixels = dequantize(levels, seed=0, split="train", batch=3).numpy()
    assert pixels.dtype == np.float32
    assert pixels.max() < 1
    np.testing.assert_array_equal(np.floor(pixels * 256), levels)
    assert (
        scipy.stats.kstest((256 * pixels.astype(np.float64) - levels).ravel(), "uniform").pvalue
        > 1e-3
    )


def test_dequantisation_noise_is_new_in_each_batch_and_resumes():
    data = load("digits", dequantize=True)
    batches = list(data.train_batches(100, seed=1).take(14).as_numpy_iterator())
    assert batches[0]["image"].dtype == np.float32
    later = next(data.train_batches(100, seed=1, start_step=13).as_numpy_iterator())
    np.testing.assert_array_equal(later["image"], batches[13]["image"])
    noise = [256 * batch["image"] % 1 for batch in batches]
    assert np.abs(noise[0] - noise[1]).max() > 0.1
    once, again = (next(data.batches("test", 50).as_numpy_iterator()) for _ in range(2))
    np.testing.assert_array_equal(once["image"], again["image"])
    levels = next(load("digits").batches("test", 50).as_numpy_iterator())
    np.testing.assert_array_equal(np.floor(256 * once["image"]), levels["image"])
    assert data.sample_images("test", 2, seed=0).dtype == np.uint8


def test_what_cannot_be_asked_for_is_refused():
    with pytest.raises(ValueError, match="binarize must be one of 'static', 'threshold'"):
        load("digits", binarize="dynamic")
    with pytest.raises(ValueError, match="either binarize or dequantize"):
        load("digits", binarize="static", dequantize=True)
