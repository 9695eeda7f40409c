"""Runs that are killed, run out of disk or meet NaN lose nothing and end as if undisturbed."""

import errno
import itertools
import json
import resource
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import contract
from tests.training.tiny import AtStep, Killed, history, make_model, start_python, tiny_recipe
from training.command_line import cli
from training.runs import run
from training.runs.checkpoints import CheckpointStore
from training.runs.run_directory import RunDirectory, replace_file
from zoo.errors import UsageError, UserError

_TRAIN_AND_DIE = """
import os, signal
from tests.training.tiny import AtStep, tiny_recipe
from training.runs import run

# Within the second epoch.
die = AtStep(5, lambda model: os.kill(os.getpid(), signal.SIGKILL))
run.train(tiny_recipe(), {directory!r}, verbose=0, callbacks=[die])
"""


def _train(directory, recipe=None, **options):
    """Trains the tiny recipe, and no more: what follows takes longer than all else."""
    return run.train(recipe or tiny_recipe(), directory, verbose=0, results=False, **options)[0]


def _assert_as_if_undisturbed(model, directory, uninterrupted):
    expected_directory, expected_state = uninterrupted
    contract.assert_same_state(contract.state_of(model), expected_state, tolerance=1e-5)
    rows, expected_rows = history(directory), history(expected_directory)
    assert [row["step"] for row in rows] == [3, 6, 7]
    for row, expected in zip(rows, expected_rows, strict=True):
        assert row == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_resume_after_sigkill_equals_uninterrupted(tmp_path, uninterrupted):
    directory = tmp_path / "run"
    process = start_python(_TRAIN_AND_DIE.format(directory=str(directory)))
    output, _ = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, output
    assert CheckpointStore(directory / "checkpoints").steps() == [3]

    count = AtStep()
    model = _train(directory, resume=True, callbacks=[count])
    assert count.num_steps == 4, "the three steps of the first epoch are not repeated"
    _assert_as_if_undisturbed(model, directory, uninterrupted)


@pytest.mark.thorough
def test_resume_after_kill_between_checkpoint_and_history(tmp_path, uninterrupted, monkeypatch):
    def die_at_the_end(self, rows):
        if len(rows) == 3:
            raise Killed

    directory = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "write_history", die_at_the_end)
        with pytest.raises(Killed):
            _train(directory)
    assert not (directory / "history.csv").exists()
    model = _train(directory, resume=True)
    _assert_as_if_undisturbed(model, directory, uninterrupted)


def test_full_disk_keeps_the_last_good_checkpoint(tmp_path, uninterrupted, monkeypatch):
    """The second checkpoint meets a real limit of the operating system, half way."""
    directory = tmp_path / "run"
    saves = itertools.count(1)
    save = keras.Model.save

    def save_to_a_full_disk(self, path):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        if next(saves) == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            save(self, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "save", save_to_a_full_disk)
        with pytest.raises(
            UserError, match=r"step 6.*last good checkpoint is that of step 3.*--resu"
        ):
            _train(directory)
    assert sorted(p.name for p in (directory / "checkpoints").iterdir()) == [
        "best.keras",
        "step-00000003.keras",
    ]
    model = _train(directory, resume=True)
    _assert_as_if_undisturbed(model, directory, uninterrupted)


def test_full_disk_keeps_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "history.csv"
    path.write_text("good")

    def fail(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    message = r"history\.csv: No space left on device"
    with pytest.raises(UserError, match=message), replace_file(path) as file:
        file.write("bad")
    assert path.read_text() == "good"
    assert list(tmp_path.iterdir()) == [path]


class _DataWithNaN:
    """The digits, as floats, with a NaN in one batch."""

    def __init__(self, data, bad_step):
        self._data = data
        self._bad_step = bad_step

    def __getattr__(self, name):
        return getattr(self._data, name)

    def train_batches(self, batch_size, seed, start_step=0):
        def spoil(step, batch):
            scale = tf.where(step == self._bad_step, np.float32("nan"), 1.0 / 255.0)
            return {"image": tf.cast(batch["image"], tf.float32) * scale}

        return (
            self._data.train_batches(batch_size, seed, start_step).enumerate(start_step).map(spoil)
        )


def test_nan_in_data_stops_and_keeps_the_last_good_state(tmp_path, monkeypatch):
    directory = tmp_path / "run"
    load = run.datasets.load_for
    monkeypatch.setattr(run.datasets, "load_for", lambda recipe: _DataWithNaN(load(recipe), 4))
    with pytest.raises(
        UserError, match=r"stopped at step 4: .*NaN.* The checkpoint of step 3 is kept"
    ):
        _train(directory)
    store = CheckpointStore(directory / "checkpoints")
    assert store.steps() == [3]
    model = make_model(tiny_recipe(), (8, 8, 1))
    assert store.restore(model).step == 3
    assert all(np.isfinite(value).all() for value in contract.state_of(model).values())


@pytest.mark.thorough
def test_loss_that_turns_nan_stops_and_names_the_step(tmp_path):
    def spoil(model):
        for weight in model.trainable_weights:
            weight.assign(weight * np.nan)

    with pytest.raises(UserError, match=r"stopped at step 5: .*not finite.*lower --learning-rate"):
        _train(tmp_path / "run", callbacks=[AtStep(5, spoil)])


def test_a_constraint_on_labels_says_that_images_have_none(tmp_path, capsys):
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in range(40):
        pixels = rng.integers(0, 256, (28, 28), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
    arguments = {"tolerance": 0.9, "classifier": "classifier_mnist"}
    constraint = {"class_name": "ClassificationAccuracy", "arguments": arguments}
    recipe = tiny_recipe(
        data={"name": f"folder:{tmp_path / 'images'}", "options": {}},
        objective={"class_name": "GECO", "arguments": {"constraints": [constraint]}},
        batch_size=4,
    )
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(recipe.to_dict()))
    assert cli.main(["train", str(path), "--directory", str(tmp_path / "run")]) == 1
    message = capsys.readouterr().err
    assert message.startswith("vae-zoo: Training stopped at step 0: ClassificationAccuracy needs")
    assert message.count("\n") == 1


def test_existing_directory_is_refused_and_left_alone(tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    with pytest.raises(UsageError, match=r"already exists.*resume=True.*directory"):
        _train(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
    assert precious.read_text() == "mine"


def test_existing_directory_is_refused_before_data_are_loaded(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(UsageError, match="already exists"):
        _train(tmp_path, tiny_recipe().override(dataset="folder:/nowhere"))


def test_a_batch_of_more_than_the_training_images_makes_no_directory(tmp_path):
    with pytest.raises(UsageError, match=r"1297 training images .* give batch_size=1297 or less\."):
        _train(tmp_path / "run", tiny_recipe(batch_size=5000))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    path = tmp_path / "file" / "numbers.json"
    with pytest.raises(UserError, match=r"Could not write .*numbers\.json"), replace_file(path):
        pass
    assert (tmp_path / "file").read_text() == "mine"


_NO_ROOM = [
    OSError(errno.ENOSPC, "No space left on device"),
    RuntimeError("No space left on device"),
    UserError("Could not write card.md: No space left on device."),
    tf.errors.ResourceExhaustedError(None, None, "No space left on device\n\t [[node]]"),
]


@pytest.mark.parametrize("error", _NO_ROOM, ids=lambda error: type(error).__name__)
def test_full_disk_after_training_is_told(tmp_path, error):
    message = r"training is done and kept in .*checkpoints,.* No space left.* room.*--resume\.$"
    with pytest.raises(UserError, match=message), run._training_is_kept(RunDirectory(tmp_path)):
        raise error


@pytest.mark.thorough
def test_errors_of_tensorboard_writers_are_told(tmp_path):
    def fail(epoch, logs):
        raise tf.errors.UnknownError(None, None, "events.v2; No space left on device\n\t [[node]]")

    writer = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    message = r"at step 3: events.v2; No space left on device\. The checkpoint of step 3 is kept"
    with pytest.raises(UserError, match=message):
        _train(tmp_path / "run", callbacks=[writer])


def test_a_kill_before_the_recipe_is_written_does_not_take_the_directory(tmp_path):
    (tmp_path / ".recipe.json.unfinished").write_text("{")
    RunDirectory(tmp_path).create(tiny_recipe().to_dict())
    assert RunDirectory(tmp_path).read_recipe() == tiny_recipe()


def test_resume_refuses_other_settings_and_nothing(tmp_path, uninterrupted):
    directory, _ = uninterrupted
    with pytest.raises(UsageError, match="seed is 4 and was 3"):
        _train(directory, tiny_recipe(seed=4), resume=True)
    with pytest.raises(UsageError, match="holds no run to resume"):
        _train(tmp_path / "nothing", resume=True)


def test_resume_of_a_finished_run_trains_no_further(uninterrupted):
    directory, state = uninterrupted
    count = AtStep()
    model = _train(directory, resume=True, callbacks=[count])
    assert count.num_steps == 0
    contract.assert_same_state(contract.state_of(model), state)


def test_runs_note_their_data(uninterrupted):
    noted = RunDirectory(uninterrupted[0]).read_made_with()["data"]
    images = {"train": 1297, "validation": 200, "test": 300}
    assert noted == {"images": images, "version": None}
