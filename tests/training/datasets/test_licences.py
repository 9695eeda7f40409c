"""What a data set says of itself: licence, names of classes, and what its measures compare with."""

import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from training import datasets
from training.datasets import ImageDataset, celeb_a, cifar10, lsun, tfds_sets
from training.datasets.splits import DiskSplit


def _stored(image_format):
    """A test split of one image, stored in a format."""
    file = io.BytesIO()
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(file, image_format)
    record = {"image": tf.constant(file.getvalue()), "label": tf.constant(3)}
    records = tf.data.Dataset.from_tensors(record)
    split = DiskSplit(1, lambda: records, decode=lambda record: record, record_bytes=1)
    return ImageDataset("cifar10", (32, 32, 3), 10, "", {"test": split})


@pytest.mark.parametrize(("image_format", "is_copy"), [("JPEG", True), ("PNG", False)])
def test_cifar10_says_that_it_is_of_jpeg_copies(monkeypatch, image_format, is_copy):
    monkeypatch.setattr(cifar10, "load_builder", lambda *_, **__: _stored(image_format))
    data = cifar10.load_cifar10("cifar10", None, "crop", None, None)
    assert data.caveat.startswith("JPEG copies") == is_copy
    assert [data.label_text(label) for label in (0, 3, 9)] == ["airplane", "cat", "truck"]
    assert "Krizhevsky" in data.licence


def test_what_is_composed_has_the_licence_and_the_caveat_of_its_base(monkeypatch):
    base = dataclasses.replace(datasets.load("digits", image_size=8), caveat="Copies.")
    monkeypatch.setitem(
        datasets.registry._ENTRIES,
        "digits",
        dataclasses.replace(datasets.registry._ENTRIES["digits"], load=lambda: base),
    )
    composed = datasets.load("mnist_sum:digits", image_size=8)
    assert composed.licence == base.licence != ""
    assert composed.caveat == "Copies."
    assert composed.label_text(7) == "7"


def test_the_other_sets_name_theirs():
    assert "CC BY 4.0" in datasets.load("digits").licence
    assert "CC BY-SA 3.0" in tfds_sets.MNIST_LICENCE
    assert "non-commercial" in celeb_a.LICENCE
    assert "1506.03365" in lsun.LICENCE


def test_names_of_classes_are_those_of_the_set_unless_they_are_numbers():
    class Feature:
        num_classes = 2
        names = ["0", "1"]

    assert tfds_sets._class_names(Feature) == ()
    Feature.names = ["shirt", "shoe"]
    assert tfds_sets._class_names(Feature) == ("shirt", "shoe")
