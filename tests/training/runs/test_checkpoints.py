"""Checkpoints: which epoch was the best, what is kept, what damage does."""

import keras
import numpy as np
import pytest

import zoo
from tests.training.tiny import make_model, tiny_recipe
from training.runs.callbacks import SaveProgress
from training.runs.checkpoints import CheckpointStore, Progress
from training.runs.run_directory import RunDirectory
from zoo.errors import UserError


def _row(rate, violation):
    return {"val_rate": rate, "val_reconstruction_error_violation": violation, "val_loss": -rate}


ERROR = zoo.constraints.ReconstructionError(0.1)
OTHER_ERROR = zoo.constraints.ReconstructionError(0.5, name="other")


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([_row(9, 0.1), _row(5, 0.2)], 0),  # None feasible: the least violated.
        ([_row(1, 0.1), _row(8, -0.1), _row(7, 0.0), _row(9, -0.2)], 2),  # The least rate.
    ],
)
def test_best_epoch_under_a_constraint(rows, best):
    assert Progress(rows=rows).best_epoch([ERROR]) == best


def test_best_epoch_without_constraints_has_the_least_loss():
    rows = [{"val_rate": 1, "val_loss": 3.0}, {"val_rate": 2, "val_loss": 2.0}]
    assert Progress(rows=rows).best_epoch() == 1


def test_violations_of_several_constraints_are_compared_by_their_scales():
    # 0.02 is twice the first's κ² = 0.01, and 0.1 less than half of the second's 0.25.
    first = _row(5, 0.02) | {"val_other_violation": 0.0}
    second = _row(5, 0.0) | {"val_other_violation": 0.1}
    rows = [first, second]
    assert Progress(rows=rows).best_epoch([ERROR, OTHER_ERROR]) == 1


def test_best_epoch_of_no_epochs():
    assert Progress().best_epoch() is None


@pytest.mark.parametrize("name", ["val_rate", "val_reconstruction_error_violation"])
def test_an_epoch_of_nan_is_never_the_best(name):
    bad = _row(1, -0.1) | {name: float("nan")}
    assert Progress(rows=[bad, _row(9, 0.5)]).best_epoch([ERROR]) == 1
    assert Progress(rows=[_row(9, 0.5), bad]).best_epoch([ERROR]) == 0
    losses = [{"val_loss": float("nan")}, {"val_loss": 3.0}]
    assert Progress(rows=losses).best_epoch() == 1


def test_no_checkpoint_of_a_state_that_is_not_finite(tmp_path):
    model = make_model(tiny_recipe(), (8, 8, 1))
    directory = RunDirectory(tmp_path)
    callback = SaveProgress(directory, Progress())
    callback.set_model(model)
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, _row(2.0, 0.1))
    model.optimizer.iterations.assign(3)
    with pytest.raises(UserError, match=r"step 3.*: val_rate = nan\. The checkpoint of step 0 is"):
        callback.on_epoch_end(1, _row(2.0, 0.1) | {"val_rate": float("nan")})
    assert CheckpointStore(directory.checkpoints).steps() == [0]


def test_store_keeps_two_and_the_best(tmp_path):
    model = make_model(tiny_recipe(), (8, 8, 1))
    store = CheckpointStore(tmp_path)
    progress = Progress()
    for step, rate in ((1, 5.0), (2, 3.0), (3, 4.0), (4, 6.0)):
        model.optimizer.iterations.assign(step)
        progress.step = step
        progress.rows.append(_row(rate, -0.1))
        store.save(model, progress)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.keras",
        "step-00000003.keras",
        "step-00000004.keras",
    ]
    assert keras.models.load_model(tmp_path / "best.keras").optimizer.iterations == 2


def test_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    model = make_model(tiny_recipe(), (8, 8, 1))
    store = CheckpointStore(tmp_path)
    for step in (1, 2):
        store.save(model, Progress(step, [_row(1.0, 0.0)] * step))
    newest = tmp_path / "step-00000002.keras"
    newest.write_bytes(newest.read_bytes()[:2000])
    assert store.restore(model).step == 1
    (tmp_path / "step-00000001.keras").write_bytes(b"")
    with pytest.raises(UserError, match=r"No checkpoint in .* can be read"):
        store.restore(model)


def test_processes_that_are_not_the_chief_write_nothing(tmp_path):
    model = make_model(tiny_recipe(), (8, 8, 1))
    progress = Progress()
    callback = SaveProgress(RunDirectory(tmp_path / "run"), progress, is_chief=False)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, _row(np.array([1.0]), 0.1))
    assert progress.rows[0]["val_rate"] == 1.0
    assert list(tmp_path.iterdir()) == []
