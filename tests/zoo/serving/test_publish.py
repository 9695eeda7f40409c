"""`publish` takes the next number, also beside others who publish; leftovers of the dead vanish."""

import fcntl
import multiprocessing
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

import zoo
from tests import contract
from tests.zoo.serving.publishing_process import publish_many
from zoo.serving import manifest, publish, unfinished_folder, warmup


class Copier:
    """Stands for a model: its export is a copy of one made before, by the same steps."""

    def __init__(self, source):
        self.source = source
        self.arguments = None

    def export(self, path, **arguments):
        self.arguments = arguments
        parent, name = os.path.split(path)
        with unfinished_folder.unfinished_folder(parent, name) as folder:
            shutil.copytree(self.source, folder, dirs_exist_ok=True)
            unfinished_folder.move_complete(folder, path)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "variables.index").write_bytes(bytes(1000))
    (folder / "saved_model.pb").write_bytes(bytes(1000))
    manifest.write(folder)
    return folder


@pytest.fixture
def model(source):
    return Copier(source)


@pytest.fixture
def base(tmp_path):
    return tmp_path / "models" / "mine"


# === Batching of its own ===


def test_a_version_may_bring_its_own_batching(model, base):
    warmup.write([("serving_default", {"x": np.zeros([4, 1], np.float32)})], str(model.source))
    path = publish(model, base, batching=zoo.serving.Batching(8, timeout_micros=300))
    text = (path / "batching_params.pbtxt").read_text()
    assert "max_batch_size { value: 8 }\nbatch_timeout_micros { value: 300 }" in text
    manifest.verify(path)
    with pytest.raises(ValueError, match="max_batch_size must be at least 4, the rows of the larg"):
        publish(model, base, batching=zoo.serving.Batching(2))
    assert [each.name for each in base.iterdir()] == ["1"]


# === Numbers ===


@pytest.mark.thorough
def test_a_model_is_published_and_loads(tmp_path, images):
    model = contract.make_compiled(contract.SMALLEST)
    path = publish(model, tmp_path / "new" / "base", log_prob_samples=2, metadata={"why": "test"})
    assert path == tmp_path / "new" / "base" / "1"
    assert os.listdir(path.parent) == ["1"]
    loaded = zoo.load(path)
    contract.assert_close(loaded.reconstruct(images), model.reconstruct(images))


def test_versions_count_up(model, base):
    assert [publish(model, base).name for _ in range(3)] == ["1", "2", "3"]
    assert sorted(os.listdir(base)) == ["1", "2", "3"]
    for version in base.iterdir():
        manifest.verify(version)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["0005"], "6"),
        (["9", "10"], "11"),
        (["3"], "4"),  # never a gap: a server runs the highest
        (["7.bak", "v8", "٩", "-3", ".12.unfinished-x-1-00000000"], "1"),
        (["0"], "1"),
        (["6", "bad-7"], "8"),  # clients and logs know 7
        (["10", "bad-7", "bad-x", ".bad-20", "1.unfinished-host-30"], "11"),
        (["2", "99999999999999999999", "bad-99999999999999999999"], "3"),  # beyond int64
    ],
)
def test_the_next_number_is_one_more_than_the_highest(model, base, names, expected):
    for name in names:
        (base / name).mkdir(parents=True)
    assert publish(model, str(base)) == base / expected
    for name in names:
        assert os.listdir(base / name) == []


def test_a_file_with_a_number_is_no_free_number(model, base):
    base.mkdir(parents=True)
    (base / "1").write_text("a file")
    assert publish(model, base).name == "2"
    assert (base / "1").read_text() == "a file"


def test_arguments_are_passed_on(model, base):
    publish(model, base, log_prob_samples=2, metadata={"a": 1})
    assert model.arguments == {"log_prob_samples": 2, "metadata": {"a": 1}}


def test_those_who_publish_at_once_get_a_number_each(source, base):
    context = multiprocessing.get_context("spawn")  # A fork of TensorFlow's threads may hang.
    start = context.Barrier(3)
    arguments = (source, base, 10, start)
    processes = [context.Process(target=publish_many, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert {path.name for path in base.iterdir()} == {str(number) for number in range(1, 31)}
    for version in base.iterdir():
        manifest.verify(version)


def test_a_number_taken_meanwhile_is_left_alone(model, base, monkeypatch):
    rename = os.rename

    def be_late(source, target):
        if pathlib.Path(target) in (base / "1", base / "2"):
            os.mkdir(target)  # an empty folder, which a rename would replace
            (pathlib.Path(target) / "theirs").touch()
        rename(source, target)

    monkeypatch.setattr(unfinished_folder.os, "rename", be_late)
    assert publish(model, base) == base / "3"
    assert os.listdir(base / "1") == os.listdir(base / "2") == ["theirs"]


# === Refusals and failures ===


def test_what_is_no_base_path_is_refused(model, source, tmp_path):
    with pytest.raises(ValueError, match=r"local folders. Received: gs://bucket/model"):
        publish(model, "gs://bucket/model")
    with pytest.raises(ValueError, match=rf"itself an exported model: pass its parent, {tmp_path}"):
        publish(model, source)
    (tmp_path / "full" / "9223372036854775807").mkdir(parents=True)
    with pytest.raises(ValueError, match="no number is left"):
        publish(model, tmp_path / "full")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="file is a file"):
        publish(model, tmp_path / "file")


@pytest.mark.parametrize("step", ["export", "rename", "interrupt"])
def test_a_failure_leaves_nothing(model, base, tmp_path, monkeypatch, step):
    def fail(*arguments, **keywords):
        raise KeyboardInterrupt if step == "interrupt" else OSError(28, "No space left on device")

    target = unfinished_folder.os if step == "rename" else shutil
    monkeypatch.setattr(target, "rename" if step == "rename" else "copytree", fail)
    with pytest.raises(KeyboardInterrupt if step == "interrupt" else OSError):
        publish(model, base)
    assert not (tmp_path / "models").exists()


# === Leftovers ===


@pytest.fixture(scope="module")
def dead_process():
    """The number of a process that has just ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def _leave(base, process, host=unfinished_folder._HOST, name=".1"):
    folder = base / f"{name}.unfinished-{host}-{process}-0123abcd"
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "half").touch()
    return folder


def test_leftovers_of_the_dead_vanish(model, base, dead_process):
    left = [_leave(base, dead_process), _leave(base, dead_process, name=".version")]
    # A container's processes have the same few numbers each time it starts.
    left.append(_leave(base, os.getpid(), name=".2"))
    publish(model, base)
    assert not any(folder.exists() for folder in left)
    assert os.listdir(base) == ["1"]


def test_an_export_clears_up_too(model, base, dead_process):
    left = _leave(base, dead_process)
    model.export(str(base / "9"))
    assert not left.exists()


def test_what_others_are_writing_stays(model, base, dead_process):
    stay = [
        _leave(base, os.getppid()),
        _leave(base, dead_process, host="elsewhere.example"),
        base / f"1.unfinished-{dead_process}",
        base / ".unfinished-notes-12-text",
    ]
    for folder in stay[2:]:
        folder.mkdir()
    publish(model, base)
    assert {path.name for path in base.iterdir()} == {"1", *(folder.name for folder in stay)}


def test_a_locked_folder_stays(model, base, dead_process):
    """In two containers that share a host's name, either sees the other's processes as dead."""
    left = _leave(base, dead_process)
    lock = os.open(left, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        publish(model, base)
        assert left.exists()
    finally:
        os.close(lock)
    publish(model, base)
    assert not left.exists()


def test_what_is_written_is_locked_and_hidden(base):
    with unfinished_folder.unfinished_folder(base, "1") as folder:
        name = os.path.basename(folder)
        assert name.startswith(f".1.unfinished-{unfinished_folder._HOST}-{os.getpid()}-")
        other = os.open(folder, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
        unfinished_folder.remove_leftovers(base)
        assert os.path.isdir(folder)
    assert os.listdir(base) == []
