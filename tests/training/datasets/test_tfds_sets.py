import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from training.datasets import load, memory, preparation


def numbered(num, shape=(4, 6, 1)):
    return [np.full(shape, value, np.uint8) for value in range(num)]


class FakeBuilder(tfds.core.GeneratorBasedBuilder):
    """Builds the images that a subclass lists, with the image's number modulo 3 as its label."""

    VERSION = tfds.core.Version("1.0.0")
    IMAGE = tfds.features.Image(shape=(4, 6, 1))
    SPLITS = {}

    def _info(self):
        features = {"image": self.IMAGE, "label": tfds.features.ClassLabel(num_classes=3)}
        return tfds.core.DatasetInfo(
            builder=self, description="Fake\nimages.", features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(images) for split, images in self.SPLITS.items()}

    def _generate_examples(self, images):
        for number, image in enumerate(images):
            yield number, {"image": image, "label": number % 3}


class FakeTrainOnly(FakeBuilder):
    SPLITS = {"train": numbered(100)}


class FakeAllSplits(FakeBuilder):
    SPLITS = {"train": numbered(9), "validation": numbered(4), "test": numbered(5)}


class FakeTestOnly(FakeBuilder):
    SPLITS = {"test": numbered(40)}


class FakeMixedSizes(FakeBuilder):
    IMAGE = tfds.features.Image(shape=(None, None, 3))
    SPLITS = {"train": numbered(15, (4, 6, 3)) + numbered(15, (9, 5, 3))}


class FakeFourChannels(FakeBuilder):
    IMAGE = tfds.features.Image(shape=(4, 6, 4))
    SPLITS = {"train": numbered(9, (4, 6, 4))}


class FakeUnreachable(FakeBuilder):
    def _split_generators(self, dl_manager):
        raise ConnectionError("no route to host")


class FakeWithoutImages(FakeBuilder):
    def _info(self):
        features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=features)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """One folder of prepared data for all tests: preparing takes a while."""
    return str(tmp_path_factory.mktemp("tfds"))


def split_values(data):
    values = {}
    for split in data.splits:
        batches = list(data.batches(split, 7).as_numpy_iterator())
        images = np.concatenate([batch["image"] for batch in batches])
        labels = np.concatenate([batch["label"] for batch in batches])
        assert images.shape[1:] == data.image_shape
        np.testing.assert_array_equal(images[:, 0, 0, 0] % 3, labels)
        values[split] = images[:, 0, 0, 0].tolist()
    return values


def test_missing_splits_are_cut_from_the_training_images(data_dir, capsys):
    data = load("tfds:fake_train_only", data_dir=data_dir)
    assert data.name == "tfds:fake_train_only"
    assert data.image_shape == (4, 6, 1)
    assert data.num_classes == 3
    assert data.description == "Fake images."
    assert data.num_examples == {"train": 90, "validation": 5, "test": 5}
    values = split_values(data)
    assert sorted(values["train"] + values["validation"] + values["test"]) == list(range(100))
    output = capsys.readouterr()
    assert output.out == ""
    assert "Downloading and preparing" in output.err
    load("tfds:fake_train_only", data_dir=data_dir)
    assert capsys.readouterr() == ("", "")


def test_splits_that_exist_are_kept(data_dir):
    values = split_values(load("tfds:fake_all_splits", data_dir=data_dir))
    assert {split: sorted(kept) for split, kept in values.items()} == {
        "train": list(range(9)),
        "validation": list(range(4)),
        "test": list(range(5)),
    }


def test_a_set_with_no_training_split_is_divided(data_dir):
    data = load("tfds:fake_test_only", data_dir=data_dir)
    assert data.num_examples == {"train": 36, "validation": 2, "test": 2}
    values = split_values(data)
    assert sorted(values["train"] + values["validation"] + values["test"]) == list(range(40))


def test_streaming_from_disk_gives_the_same_images(data_dir, monkeypatch):
    expected = split_values(load("tfds:fake_train_only", data_dir=data_dir))
    monkeypatch.setenv(memory.VARIABLE, "0")
    data = load("tfds:fake_train_only", data_dir=data_dir)
    assert split_values(data) == expected
    batches = [batch["image"][:, 0, 0, 0] for batch in data.train_batches(40, seed=0).take(4)]
    batches = [batch.numpy().tolist() for batch in batches]
    assert len(set(batches[0] + batches[1])) == 80
    assert set(batches[0] + batches[1]) <= set(expected["train"])
    assert batches[0] + batches[1] != batches[2] + batches[3]
    resumed = next(data.train_batches(40, seed=0, start_step=3).as_numpy_iterator())
    assert resumed["image"][:, 0, 0, 0].tolist() == batches[3]


def test_images_are_resized_and_coloured(data_dir):
    data = load("tfds:fake_train_only", data_dir=data_dir, image_size=8, channels=3)
    assert data.image_shape == (8, 8, 3)
    assert sum(map(len, split_values(data).values())) == 100
    with pytest.raises(
        ValueError, match=r'8x8 pixels because of fit="exact", received .* with 4x6'
    ):
        load("tfds:fake_train_only", data_dir=data_dir, image_size=8, fit="exact")


def test_mixed_sizes_need_a_size(data_dir):
    with pytest.raises(ValueError, match="tfds:fake_mixed_sizes, whose images differ in size"):
        load("tfds:fake_mixed_sizes", data_dir=data_dir)
    data = load("tfds:fake_mixed_sizes", data_dir=data_dir, image_size=(4, 5))
    values = split_values(data)
    everything = values["train"] + values["validation"] + values["test"]
    assert sum(value < 15 for value in everything) == 30


def test_four_channels_are_kept_but_not_converted(data_dir):
    data = load("tfds:fake_four_channels", data_dir=data_dir)
    assert data.image_shape == (4, 6, 4)
    assert sum(map(len, split_values(data).values())) == 9
    with pytest.raises(ValueError, match=r"turn into 3, received .* with 4 channels"):
        load("tfds:fake_four_channels", data_dir=data_dir, channels=3)


def test_a_set_without_images_is_refused(data_dir):
    with pytest.raises(ValueError, match=r"feature named image .* Text"):
        load("tfds:fake_without_images", data_dir=data_dir)


def test_unknown_names_are_refused_with_the_near_ones(data_dir):
    with pytest.raises(
        ValueError, match=r"received 'fashion_mnst'.*Did you mean tfds:fashion_mnist"
    ):
        load("tfds:fashion_mnst", data_dir=data_dir)


def test_no_data_and_no_network_says_what_to_do(data_dir):
    with pytest.raises(FileNotFoundError) as raised:
        load("tfds:fake_unreachable", data_dir=data_dir)
    message = str(raised.value)
    assert f"prepared data of tfds:fake_unreachable in {data_dir}" in message
    assert "ConnectionError: no route to host" in message
    assert "tensorflow_datasets import load; load('fake_unreachable', data_dir='FOLDER')" in message
    assert "TFDS_DATA_DIR" in message


def test_without_a_network_no_download_is_tried_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "can_reach", lambda urls: False)
    with pytest.raises(FileNotFoundError) as raised:
        load("tfds:fashion_mnist", data_dir=str(tmp_path))
    message = str(raised.value)
    assert "ConnectionError: no network (http" in message
    assert f"unchanged, into {tmp_path / 'downloads' / 'manual'}" in message
    assert "train-images-idx3-ubyte.gz (25.20 MiB) from http" in message
    assert not list(tmp_path.glob("fashion_mnist/*"))  # nothing that looks like data


def needs_prepared(name):
    folder = os.environ.get("TFDS_DATA_DIR")
    prepared = folder and list(Path(folder).glob(f"{name}/*/dataset_info.json"))
    return pytest.mark.skipif(not prepared, reason=f"needs TFDS_DATA_DIR with a prepared {name}")


@needs_prepared("mnist")
def test_mnist():
    data = load("mnist")
    assert data.image_shape == (28, 28, 1)
    assert data.num_classes == 10
    assert data.num_examples == {"train": 55_000, "validation": 5_000, "test": 10_000}
    # The validation split is the last 5000 images as TFDS itself stores them.
    stored = tfds.builder("mnist").as_dataset(split="train[-5000:]", batch_size=-1)
    batch = next(data.batches("validation", 5_000).as_numpy_iterator())
    np.testing.assert_array_equal(batch["image"], stored["image"].numpy())
    np.testing.assert_array_equal(batch["label"], stored["label"].numpy())
    # The counts of the official test set, from LeCun's files.
    labels = np.concatenate([b["label"] for b in data.batches("test", 1000).as_numpy_iterator()])
    official = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(labels).tolist() == official


@needs_prepared("cifar10")
def test_cifar10(monkeypatch):
    monkeypatch.setenv(memory.VARIABLE, "0")  # a few images, not all 60,000
    data = load("cifar10")
    assert data.image_shape == (32, 32, 3)
    assert data.num_examples == {"train": 45_000, "validation": 5_000, "test": 10_000}
    stored = tfds.builder("cifar10").as_dataset(split="test[:100]", batch_size=-1)
    batch = next(data.batches("test", 100, limit=100).as_numpy_iterator())
    np.testing.assert_array_equal(batch["image"], stored["image"].numpy())
    np.testing.assert_array_equal(batch["label"], stored["label"].numpy())


@needs_prepared("fashion_mnist")
def test_fashion_mnist():
    data = load("fashion_mnist")
    assert (data.image_shape, data.num_classes) == ((28, 28, 1), 10)
    assert data.num_examples == {"train": 55_000, "validation": 5_000, "test": 10_000}
    assert data.class_names[0] == "T-shirt/top"
    assert "Zalando" in data.licence
    labels = np.concatenate([b["label"] for b in data.batches("test", 1000).as_numpy_iterator()])
    assert np.bincount(labels).tolist() == [1000] * 10
