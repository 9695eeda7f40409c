"""Measures that a classifier makes: classes of samples, and the Fréchet distance of features."""

import keras
import numpy as np
import pytest
import scipy.linalg

import zoo
from training.datasets.image_dataset import ImageDataset
from training.datasets.splits import MemorySplit
from training.evaluation import (
    class_distribution,
    classifiers,
    frechet_distance,
    sample_confidence,
)
from zoo.errors import UsageError

SHAPE = (8, 8, 1)


class _Repeater:
    """Stands in for a model: it samples images that it is given, and reconstructs exactly."""

    def __init__(self, images):
        self._images = images

    def sample(self, num, seed, temperature=1.0):
        del temperature
        return self._images[int(seed[1]) : int(seed[1]) + num] / np.float32(255.0)

    def reconstruct(self, images, seed):
        del seed
        return np.asarray(images) / np.float32(255.0)


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(0)
    return zoo.ConvClassifier(SHAPE, num_classes=3, filters=(4, 5))


@pytest.fixture(scope="module")
def data():
    splits = {}
    for split in ("train", "test"):
        generator = np.random.default_rng(len(split))
        images = generator.integers(0, 256, (400, *SHAPE), dtype=np.uint8)
        images[::2] //= 4
        splits[split] = MemorySplit({"image": images})
    return ImageDataset("noise", SHAPE, None, "", splits)


def test_classes_of_the_data_itself_agree(data, classifier):
    images = data.arrays("test")["image"]
    found = class_distribution.measure(_Repeater(images), data, classifier)
    assert found["total_variation"] == 0.0
    classes = classifiers.predict_classes(classifier, images)
    shares = [found[f"share_of_class_{k}"] for k in range(3)]
    np.testing.assert_allclose(shares, np.bincount(classes, minlength=3) / 400)
    assert 0 <= found["null"] < 0.2


def test_classes_of_another_kind_differ_by_their_shares(data, classifier):
    images = data.arrays("test")["image"]
    classes = classifiers.predict_classes(classifier, images)
    commonest = images[np.flatnonzero(classes == np.bincount(classes).argmax())[0]]
    model = _Repeater(np.repeat(commonest[np.newaxis], 400, axis=0))
    found = class_distribution.measure(model, data, classifier)
    assert found["total_variation"] == pytest.approx(1 - np.bincount(classes).max() / 400)


def test_confidence_is_the_share_of_images_with_a_class_above_the_bound(data, classifier):
    images = data.arrays("test")["image"]
    highest = np.asarray(classifier(images)).max(axis=1)
    least = float(np.median(highest))
    model = _Repeater(images[::-1])
    found = sample_confidence.measure(model, data, classifier, num_samples=400, least=least)
    assert found == {
        "data": pytest.approx((highest > least).mean()),
        "at_temperature_1": found["data"],
        "at_temperature_0.7": found["data"],
        "images": 400,
    }
    one = _Repeater(np.repeat(images[highest.argmax()][np.newaxis], 400, axis=0))
    found = sample_confidence.measure(one, data, classifier, temperatures=(1.0,), least=least)
    assert found["at_temperature_1"] == 1.0


def test_frechet_distance_of_sets_is_that_of_the_formula():
    generator = np.random.default_rng(0)
    first = generator.standard_normal((300, 4)) @ generator.standard_normal((4, 4))
    second = 1.0 + generator.standard_normal((200, 4))
    covariances = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = ((first.mean(0) - second.mean(0)) ** 2).sum()
    expected += np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance.frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance.frechet_distance(first, first) == pytest.approx(0.0, abs=1e-9)


def test_frechet_distance_of_samples(data, classifier):
    images = {split: data.arrays(split)["image"] for split in ("train", "test")}
    found = frechet_distance.measure(_Repeater(images["train"]), data, classifier)
    assert found["samples"] == pytest.approx(found["null"]), "samples are the training images"
    assert found["reconstructions"] == pytest.approx(0.0, abs=1e-6)
    worse = frechet_distance.measure(_Repeater(255 - images["train"]), data, classifier)
    assert worse["samples"] > 3 * found["null"]


def test_what_cannot_be_judged_is_named(data, classifier):
    with pytest.raises(UsageError, match="no pretrained classifier_noise"):
        class_distribution.measure(_Repeater(None), data)
    with pytest.raises(UsageError, match=r"takes images of shape \(28, 28, 1\)"):
        classifiers.find_classifier(zoo.ConvClassifier((28, 28, 1), 10, filters=(2,)), data)
