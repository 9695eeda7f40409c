import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.training.datasets.test_tfds_sets import needs_prepared
from training import datasets
from training.command_line import evaluate
from training.datasets.image_dataset import ImageDataset
from training.datasets.splits import MemorySplit
from training.evaluation import outlier_scores
from zoo.errors import UsageError

SHAPE = (4, 4, 1)


class _Brightness:
    """Stands in for a model: bright images have high densities, by `joint` with noise."""

    def infer(self, images, seed):
        brightness = tf.reduce_mean(tf.cast(images, tf.float32), axis=(1, 2, 3))
        noise = np.random.default_rng(int(seed[1])).normal(size=len(images)) * 60.0
        terms = {"log_prior": brightness, "distortion": np.float32(noise)}
        return types.SimpleNamespace(latents=(brightness,), **terms)

    def log_prob(self, images, num_samples, seed):
        del num_samples, seed
        return tf.reduce_mean(tf.cast(images, tf.float32), axis=(1, 2, 3))


def images_of(low, high, num):
    return np.random.default_rng(low).integers(low, high, (num, *SHAPE), dtype=np.uint8)


def test_outliers_are_ranked_by_low_densities():
    split = MemorySplit({"image": images_of(100, 255, 130)})
    data = ImageDataset("bright", SHAPE, None, "", {"test": split})
    found = outlier_scores.measure(_Brightness(), data, images_of(0, 60, 20))
    assert all(isinstance(value, int | float) for value in found.values())  # As the command takes.
    assert found["log_prob_average_precision"] == found["log_prob_area_under_roc"] == 1.0
    assert 0.5 < found["joint_area_under_roc"] < 1.0
    assert (found["images"], found["outlier_share"]) == (150, pytest.approx(20 / 150))


@pytest.mark.usefixtures("uncompiled")
def test_a_model_of_layers_has_the_ratios_of_its_joint_densities(images):
    keras.utils.set_random_seed(0)
    sizes = {"filters": (4,), "hidden_units": 6, "prior": zoo.EnergyPrior((4,), num_steps=2)}
    model = zoo.EnergyVAE(contract.IMAGE_SHAPE, (3, 2, 2), **sizes)
    scores = outlier_scores._scores(model, images, num_samples=1, seed=3)
    latents = model.encode(images, seed=(3, 0))
    joint, *above = (
        model.decode(z).log_prob(images) + model.log_prior(z)
        for z in [latents, *(model.redraw(latents, 3 - k, seed=(3, 0)) for k in (1, 2))]
    )
    contract.assert_close(scores["joint"], joint)
    for k, upper in enumerate(above, 1):
        contract.assert_close(scores[f"likelihood_ratio_{k}"], upper - joint, tolerance=1e-4)
    assert set(scores) == {"joint", "log_prob", "likelihood_ratio_1", "likelihood_ratio_2"}
    assert set(outlier_scores._scores(_Brightness(), images, 1, 0)) == {"joint", "log_prob"}


def test_area_and_precision_are_those_of_counting():
    rng = np.random.default_rng(0)
    is_outlier, densities = rng.integers(0, 2, 60), rng.normal(size=60)
    found = outlier_scores.ranking(is_outlier, densities)
    out, own = densities[is_outlier == 1], densities[is_outlier == 0]
    assert found["area_under_roc"] == pytest.approx(np.mean(out[:, None] < own[None]))
    order = is_outlier[np.argsort(densities)]
    precisions = np.cumsum(order) / np.arange(1, 61)
    assert found["average_precision"] == pytest.approx(precisions[order == 1].mean())


def test_data_without_known_outliers_is_refused():
    data = ImageDataset("noise", SHAPE, None, "", {})
    with pytest.raises(UsageError, match=r"for mnist, fashion_mnist and mnist_without:DIGIT"):
        outlier_scores.check(None, data)


@pytest.mark.parametrize("name", ["mnist_without:12", "mnist_without:a"])
def test_digits_that_there_are_not_are_refused(name):
    with pytest.raises(ValueError, match="MNIST without one digit, from 0 to 9"):
        datasets.load(name)


@pytest.mark.thorough
@needs_prepared("mnist")
def test_a_held_out_digit_is_in_no_split_and_is_the_outlier():
    data = datasets.load("mnist_without:4")
    for split in ("validation", "test"):
        assert 4 not in data.arrays(split)["label"]
    assert data.num_examples["test"] == 10_000 - 982
    assert len(outlier_scores._outliers_of(data)) == 982


def test_the_command_writes_numbers_and_why_there_are_none():
    assert evaluate._as_text(np.float32(0.25)) == "0.25"
    assert evaluate._as_text("left out: no packages") == "left out: no packages"
