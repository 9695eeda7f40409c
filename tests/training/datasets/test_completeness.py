import json
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from tests.training.datasets.slow_set import NUM_EXAMPLES, SlowSet
from training.datasets import load, preparation
from training.datasets.completeness import count_records, find_defect

SHARD = "slow_set-train.tfrecord-00001-of-00003"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data folder with the set, complete, in several shards."""
    folder = tmp_path_factory.mktemp("prepared")
    config = tfds.download.DownloadConfig(num_shards=3)
    SlowSet(data_dir=folder).download_and_prepare(download_config=config)
    return folder


@pytest.fixture
def data_dir(prepared, tmp_path):
    """A copy to break."""
    return Path(shutil.copytree(prepared, tmp_path / "data"))


@pytest.fixture
def no_source(monkeypatch):
    """Has preparing fail, as without a network."""

    def fail(builder, dl_manager):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(SlowSet, "_split_generators", fail)


def folder_of(data_dir):
    return data_dir / "slow_set" / "1.0.0"


def assert_whole(data_dir):
    data = load("tfds:slow_set", data_dir=str(data_dir))
    values = [v for split in ("train", "validation") for v in data.arrays(split)["image"][:, 0, 0]]
    assert sorted(int(value[0]) for value in values) == list(range(NUM_EXAMPLES))
    assert data.num_examples["test"] == 10
    assert [path.name for path in (data_dir / "slow_set").iterdir()] == ["1.0.0"]


def remove_info(folder):
    (folder / "dataset_info.json").unlink()


def cut_info(folder):
    os.truncate(folder / "dataset_info.json", 100)


def empty_info(folder):
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps({**info, "splits": []}))


def remove_shard(folder):
    (folder / SHARD).unlink()


def cut_shard(folder):
    os.truncate(folder / SHARD, (folder / SHARD).stat().st_size - 1)


def cut_shard_between_records(folder):
    length = struct.unpack("<Q", (folder / SHARD).read_bytes()[:8])[0]
    os.truncate(folder / SHARD, 2 * (length + 16))


def empty_shard(folder):
    os.truncate(folder / SHARD, 0)


def fill_shard_with_zeros(folder):
    num_bytes = (folder / SHARD).stat().st_size
    os.truncate(folder / SHARD, num_bytes // 2)
    os.truncate(folder / SHARD, num_bytes)


BREAKS = [
    (remove_info, "without the file dataset_info.json"),
    (cut_info, "dataset_info.json that is cut short"),
    (empty_info, "dataset_info.json that lists no splits"),
    (remove_shard, f"{SHARD} missing"),
    (cut_shard, f"{SHARD} with 33 of 34 records and a part of another"),
    (cut_shard_between_records, f"{SHARD} with 2 of 34 records"),
    (empty_shard, f"{SHARD} with 0 of 34 records"),
    (fill_shard_with_zeros, f"{SHARD} that ends in zeros"),
]


@pytest.mark.parametrize(("damage", "message"), BREAKS)
def test_broken_data_is_built_again(data_dir, damage, message):
    damage(folder_of(data_dir))
    assert_whole(data_dir)


@pytest.mark.parametrize(("damage", "message"), BREAKS)
def test_broken_data_is_named_and_kept_if_it_cannot_be_built(data_dir, no_source, damage, message):
    folder = folder_of(data_dir)
    damage(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileNotFoundError) as raised:
        load("tfds:slow_set", data_dir=str(data_dir))
    assert message in str(raised.value)
    assert "no route to host" in str(raised.value)
    assert "bring FOLDER here" in str(raised.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["1.0.0"]


def test_complete_data_needs_neither_network_nor_writing(data_dir, no_source, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("something is written, or asked of the network")

    for name in ("can_reach", "_set_aside", "_remove_leftovers", "_prepare"):
        monkeypatch.setattr(preparation, name, refuse)
    for path in [*data_dir.glob("**/*"), data_dir]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert_whole(data_dir)
    finally:
        for path in [data_dir, *data_dir.glob("**/*")]:
            path.chmod(0o755)


def test_broken_data_that_cannot_be_changed_is_named(data_dir, monkeypatch):
    cut_shard(folder_of(data_dir))
    path_class = type(SlowSet(data_dir=data_dir).data_path)

    def refuse(path, target):
        raise PermissionError("read-only file system")

    monkeypatch.setattr(path_class, "rename", refuse)
    with pytest.raises(FileNotFoundError, match=rf"{SHARD} .*cannot be changed \(read-only"):
        load("tfds:slow_set", data_dir=str(data_dir))


def test_sizes_recorded_in_another_way_are_counted(data_dir):
    path = folder_of(data_dir) / "dataset_info.json"
    info = json.loads(path.read_text())
    for split in info["splits"]:
        split["numBytes"] = "12345"
    path.write_text(json.dumps(info))
    assert find_defect(SlowSet(data_dir=data_dir)) is None
    remove = folder_of(data_dir) / SHARD
    os.truncate(remove, remove.stat().st_size - 20)
    assert "33 of 34 records" in find_defect(SlowSet(data_dir=data_dir))


def test_records_are_counted(data_dir):
    builder = SlowSet(data_dir=data_dir)
    assert count_records(builder.data_path / SHARD) == (34, True)


def test_data_another_process_prepared_meanwhile_is_taken(tmp_path, prepared, monkeypatch):
    def other_is_faster(builder, **options):
        shutil.copytree(folder_of(prepared), folder_of(tmp_path))
        raise FileExistsError("Directory not empty")

    monkeypatch.setattr(SlowSet, "download_and_prepare", other_is_faster)
    assert_whole(tmp_path)


@pytest.mark.thorough
def test_a_killed_preparation_is_done_again(tmp_path):
    script = (
        "from tests.training.datasets import slow_set; from training.datasets import load; "
        f"load('tfds:slow_set', data_dir={str(tmp_path)!r})"
    )
    environment = {**os.environ, "SECONDS_AN_EXAMPLE": "0.02"}
    command = [sys.executable, "-c", script]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while "half way" not in (line := process.stderr.readline()):
        assert line, "the process ended before it was killed"
    process.kill()
    process.communicate()
    (leftover,) = (tmp_path / "slow_set").iterdir()
    assert leftover.name.startswith("incomplete.")
    data = load("tfds:slow_set", data_dir=str(tmp_path))
    assert data.num_examples == {"train": 95, "validation": 5, "test": 10}
    assert leftover.exists()  # it might be another process, still at work
    # Once it is old, it goes.
    shutil.rmtree(folder_of(tmp_path))
    yesterday = time.time() - 2 * preparation.LEFTOVER_AGE_SECONDS
    for path in (leftover, *leftover.iterdir()):
        os.utime(path, (yesterday, yesterday))
    assert_whole(tmp_path)
