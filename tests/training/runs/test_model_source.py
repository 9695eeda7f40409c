"""Which model a name or a path on the command line means."""

import numpy as np
import pytest

from tests.training.tiny import tiny_recipe
from training import datasets, kinds
from training.runs import model_source
from training.runs.checkpoints import CheckpointStore, Progress
from training.runs.run_directory import RunDirectory

ENDS = [0.1, 0.3]


@pytest.fixture
def run(tmp_path):
    """A run's directory with one checkpoint of a model with a range of tolerances."""
    architecture = {"class_name": "ConvVAE", "arguments": {"filters": [2], "tolerance_range": ENDS}}
    constraint = {"class_name": "ReconstructionError", "arguments": {"tolerance": ENDS}}
    objective = {"class_name": "GECO", "arguments": {"constraints": [constraint]}}
    recipe = tiny_recipe(architecture=architecture, objective=objective)
    directory = RunDirectory(tmp_path / "run")
    directory.create(recipe.to_dict())
    model = kinds.make_model(recipe, datasets.load_for(recipe))
    CheckpointStore(directory.checkpoints).save(model, Progress(step=1))
    return directory


def test_a_finished_runs_checkpoint_is_calibrated_as_its_run_was(run):
    """A checkpoint is of training, after which a model is calibrated."""
    before, _ = model_source.load_model(run.path)
    np.testing.assert_allclose(before.calibration.errors, before.calibration.inputs, rtol=1e-6)
    before.calibration.store(before.calibration.inputs * 1.1)
    run.write_json(run.metrics, {"calibration": {"rmse": before.calibration.errors.tolist()}})
    after, _ = model_source.load_model(run.path)
    np.testing.assert_array_equal(after.calibration.errors, before.calibration.errors)


def test_a_folder_of_versions_means_its_newest(tmp_path, monkeypatch):
    for version in ("9", "10"):
        (tmp_path / version).mkdir()
    (tmp_path / "recipe.json").touch()  # As beside a released model; it is no run.
    monkeypatch.setattr(model_source.keras_config, "read", lambda path: {"metadata": {}})
    monkeypatch.setattr(model_source.zoo, "load", lambda path: path)
    assert model_source.load_model(tmp_path) == (tmp_path / "10", None)
