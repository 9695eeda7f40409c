"""Batches of a numbered set: image i has the value i, so that a batch shows which rows it took."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.tiers import cover
from training import datasets
from training.datasets import ImageDataset, memory
from training.datasets.splits import DiskSplit, MemorySplit
from zoo.errors import UsageError

NUM_TRAIN = 50


def numbered_images(num):
    values = np.arange(num, dtype=np.uint8)[:, None, None, None]
    return np.tile(values, (1, 2, 3, 1)), np.arange(num, dtype=np.int32)


def memory_split(num):
    images, labels = numbered_images(num)
    return MemorySplit({"image": images, "label": labels})


def disk_split(num):
    images, labels = numbered_images(num)
    return DiskSplit(
        num_examples=num,
        records=lambda: tf.data.Dataset.from_tensor_slices({"image": images, "label": labels}),
        decode=lambda record: record,
        record_bytes=6,
    )


@pytest.fixture(params=["memory", "disk"])
def data(request, monkeypatch):
    make = {"memory": memory_split, "disk": disk_split}[request.param]
    if request.param == "disk":
        monkeypatch.setenv(memory.VARIABLE, "0")
    return ImageDataset(
        name="numbered",
        image_shape=(2, 3, 1),
        num_classes=None,
        description="",
        splits={"train": make(NUM_TRAIN), "validation": make(7), "test": make(8)},
    )


def take_labels(dataset, num_batches):
    batches = list(dataset.take(num_batches).as_numpy_iterator())
    for batch in batches:
        assert batch["image"].dtype == np.uint8
        np.testing.assert_array_equal(batch["image"][:, 0, 0, 0], batch["label"])
    return [batch["label"].tolist() for batch in batches]


def test_an_epoch_visits_every_example_once_up_to_the_drop(data):
    batches = take_labels(data.train_batches(8, seed=0), 18)
    epochs = [np.concatenate(batches[first : first + 6]).tolist() for first in (0, 6, 12)]
    for epoch in epochs:
        assert len(set(epoch)) == 48
        assert set(epoch) < set(range(NUM_TRAIN))
        assert epoch != sorted(epoch)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert len({tuple(sorted(epoch)) for epoch in epochs}) > 1  # not always the same two dropped


@pytest.mark.parametrize("start_step", cover([1, 5, 6, 7, 13], [7]))
def test_starting_at_a_step_equals_skipping_to_it(data, start_step):
    whole = take_labels(data.train_batches(8, seed=3), 20)
    resumed = take_labels(data.train_batches(8, seed=3, start_step=start_step), 20 - start_step)
    assert resumed == whole[start_step:]


def test_the_order_depends_on_the_seed_and_on_nothing_else(data):
    tf.random.set_seed(1)
    first = take_labels(data.train_batches(8, seed=5), 8)
    tf.random.set_seed(2)
    assert take_labels(data.train_batches(8, seed=5), 8) == first
    assert take_labels(data.train_batches(8, seed=(5, 0)), 8) == first
    assert take_labels(data.train_batches(8, seed=6), 8) != first
    assert take_labels(data.train_batches(8, seed=-1), 8) != first


def test_building_a_stream_leaves_the_global_seed_alone(data):
    tf.random.set_seed(4)
    expected = tf.compat.v1.random.get_seed(None)
    tf.random.set_seed(4)
    take_labels(data.train_batches(8, seed=5), 1)
    assert tf.compat.v1.random.get_seed(None) == expected


def test_the_first_place_is_uniform_over_the_examples():
    # 1000 epochs of 20 examples, one batch each: 50 visits expected a place. A chi-square of 19
    # degrees of freedom passes 43.8 once in a thousand.
    split = memory_split(20)
    order = np.array(
        [
            batch["label"]
            for batch in split.shuffled_batches(20, 0, 0).take(1000).as_numpy_iterator()
        ]
    )
    for place in (0, 10, 19):
        visits = np.bincount(order[:, place], minlength=20)
        assert ((visits - 50) ** 2 / 50).sum() < 43.8


def test_the_disk_buffer_is_bounded_by_bytes():
    # A buffer of 5 records: record k cannot come before place k - 4.
    split = dataclasses.replace(disk_split(NUM_TRAIN), buffer_bytes=30)
    epoch = next(split.shuffled_batches(50, 0, 0).as_numpy_iterator())["label"]
    assert sorted(epoch) == list(range(NUM_TRAIN))
    assert epoch.tolist() != sorted(epoch)
    assert (epoch <= np.arange(NUM_TRAIN) + 4).all()


@pytest.mark.parametrize("value", ["much", "-1", "nan"])
def test_memory_that_is_no_number_is_refused(data, monkeypatch, value):
    monkeypatch.setenv(memory.VARIABLE, value)
    with pytest.raises(UsageError, match=rf"VAE_ZOO_DATA_MEMORY .* MiB .* received '{value}'"):
        data.batches("test", 3)


def test_ordered_batches(data):
    test = data.batches("test", 3)
    assert test.cardinality().numpy() == 3
    assert take_labels(test, 9) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    limited = data.batches("test", 3, limit=4)
    assert limited.cardinality().numpy() == 2
    assert take_labels(limited, 9) == [[0, 1, 2], [3]]
    assert take_labels(data.batches("test", 100, limit=99), 9) == [list(range(8))]


def test_pipelines_are_static_endless_ordered_and_sharded_by_rows(data):
    stream = data.train_batches(8, seed=0)
    assert stream.element_spec["image"] == tf.TensorSpec((8, 2, 3, 1), tf.uint8)
    assert stream.element_spec["label"] == tf.TensorSpec((8,), tf.int32)
    assert stream.cardinality() == tf.data.INFINITE_CARDINALITY
    for dataset in (stream, data.batches("test", 3)):
        options = dataset.options()
        policy = tf.data.experimental.AutoShardPolicy.DATA
        assert options.experimental_distribute.auto_shard_policy == policy
        assert options.deterministic is True


def test_sample_images_are_different_and_seeded(data):
    images = data.sample_images("test", 6, seed=1)
    assert images.shape == (6, 2, 3, 1)
    assert images.dtype == np.uint8
    assert len(set(images[:, 0, 0, 0])) == 6
    np.testing.assert_array_equal(data.sample_images("test", 6, seed=1), images)
    assert (data.sample_images("test", 6, seed=2) != images).any()


def test_a_disk_split_that_fits_is_read_once_into_memory():
    passes = []
    images, labels = numbered_images(300)  # more than one reading batch

    def records():
        passes.append(1)
        return tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})

    split = DiskSplit(300, records, lambda record: record, record_bytes=6)
    data = ImageDataset("numbered", (2, 3, 1), None, "", {"train": split})
    for _ in range(2):
        batch = next(data.batches("train", 300).as_numpy_iterator())
        np.testing.assert_array_equal(batch["image"], images)
        np.testing.assert_array_equal(batch["label"], labels)
    assert len(passes) == 1


def test_large_memory_is_not_embedded_in_the_graph():
    split = MemorySplit({"image": np.zeros((1000, 32, 32, 1), np.uint8)})
    stream = split.shuffled_batches(8, 0, 0)
    graph = stream._functions()[0].function.graph.as_graph_def()
    assert graph.ByteSize() < 100_000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: data.train_batches(51, 0), "from 1 to 50. .*=51. numbered has no more"),
        (lambda data: data.train_batches(0, 0), "batch_size must be an int from 1 to 50"),
        (lambda data: data.train_batches(8, 0, start_step=-1), "start_step .* start_step=-1"),
        (lambda data: data.batches("valid", 8), "'train', 'validation', 'test'. .*='valid'"),
        (lambda data: data.batches("test", 0), "batch_size=0"),
        (lambda data: data.batches("test", 2, limit=0), "limit=0"),
        (lambda data: data.sample_images("test", 9, 0), "num=9. The test split .* no more images"),
    ],
)
def test_bad_requests_are_refused(data, call, message):
    with pytest.raises(ValueError, match=message):
        call(data)


BYTES_PROGRAM = """
import hashlib
from training.datasets import load

batches = load("digits").train_batches(64, seed=7, start_step=18).take(4)  # 20 batches an epoch
content = [batch["image"].tobytes() + batch["label"].tobytes() for batch in
           batches.as_numpy_iterator()]
digest = hashlib.sha256(b"".join(content)).hexdigest()
"""


@pytest.mark.thorough
def test_two_processes_give_the_same_bytes():
    here = {}
    exec(BYTES_PROGRAM, here)
    command = [sys.executable, "-c", BYTES_PROGRAM + "print(digest)"]
    there = subprocess.run(command, capture_output=True, text=True, check=True)
    assert there.stdout.split() == [here["digest"]]


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_pipeline_ends_without_waiting_for_what_tunes_it(split):
    data = datasets.load("digits")
    batches = data.train_batches(8, seed=0) if split == "train" else data.batches(split, 8)
    assert batches.options().autotune.enabled is False
