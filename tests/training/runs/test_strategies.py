"""Several devices and several machines train as one does, from the command line."""

import json

import numpy as np
import pytest

from benchmarks.processes import free_ports
from tests import contract
from tests.training.tiny import make_model, start_python, tiny_recipe
from training.runs import strategies
from training.runs.checkpoints import CheckpointStore
from zoo.errors import UsageError

_TRAIN = """
import sys
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * {cpus})
from training.command_line.cli import main

sys.exit(main(["train", {recipe!r}, "--directory", {directory!r}, "--strategy", {strategy!r}]))
"""


def _state(directory):
    model = make_model(tiny_recipe(), (8, 8, 1))
    assert CheckpointStore(directory / "checkpoints").restore(model).step == 7
    return contract.state_of(model)


def _wait(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


@pytest.mark.thorough
def test_two_devices_equal_one(tmp_path, tiny_recipe_file, uninterrupted):
    directory = tmp_path / "run"
    arguments = {"recipe": str(tiny_recipe_file), "directory": str(directory)}
    _wait(start_python(_TRAIN.format(cpus=2, strategy="mirrored", **arguments)))
    contract.assert_same_state(_state(directory), uninterrupted[1], tolerance=1e-3)
    metrics = json.loads((directory / "metrics.json").read_text())
    assert metrics["test_images"] == 288, "18 whole batches of 16; the last 12 of 300 are left out"
    assert (directory / "savedmodel" / "1" / "saved_model.pb").exists()


def _run_two_workers(code):
    """Runs the code in two processes of one cluster; gives what each printed."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        processes.append(start_python(code, TF_CONFIG=json.dumps(task)))
    try:
        return [_wait(process) for process in processes]
    finally:
        for process in processes:  # One waits for ever where the other has failed.
            process.kill()
            process.stdout.close()


@pytest.mark.thorough
def test_two_machines_equal_one(tmp_path, tiny_recipe_file, uninterrupted):
    directory = tmp_path / "run"
    arguments = {"recipe": str(tiny_recipe_file), "directory": str(directory)}
    code = _TRAIN.format(cpus=1, strategy="multi_worker", **arguments)
    outputs = _run_two_workers(code)
    contract.assert_same_state(_state(directory), uninterrupted[1], tolerance=1e-3)
    assert "On the test split" in outputs[0]
    assert "On the test split" not in outputs[1], "only the chief reports"
    assert len(list((directory / "tensorboard" / "train").iterdir())) == 1
    assert (directory / "savedmodel" / "1" / "saved_model.pb").exists()


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory, images):
    """What each of two workers printed, and what it ended with: see two_workers.py."""
    directory = tmp_path_factory.mktemp("workers")
    np.save(directory / "images.npy", images)
    arguments = [*_PAIR, str(directory)]
    code = f"from tests.training.runs import two_workers\ntwo_workers.main(*{arguments})"
    outputs = _run_two_workers(code)
    return outputs, [dict(np.load(directory / f"worker_{index}.npz")) for index in range(2)]


_PAIR = "ConvVAE", "GECO"


def test_two_workers_train_as_one_does(two_workers, images):
    model = contract.make_compiled(*_PAIR, contract.linear_optimizer(), run_eagerly=True)
    loss = contract.train(model, images, num_steps=3, batch_size=8)
    for state in two_workers[1]:
        assert state.pop("loss") == pytest.approx(loss, rel=1e-5)
        contract.assert_same_state(state, contract.state_of(model), tolerance=1e-5)


def test_one_worker_is_the_chief(two_workers):
    for index, output in enumerate(two_workers[0]):
        assert f"chief: {index == 0}" in output


def test_workers_that_restored_different_steps_stop(two_workers):
    for index, output in enumerate(two_workers[0]):
        message = f"different steps: 0 and 3; this one that of step {3 * index}. The run directory"
        assert message in output


def test_batch_must_divide_among_replicas(two_replicas):
    strategies.check_batch_size(16, two_replicas)
    with pytest.raises(
        UsageError, match=r"divisible by 2, .* received 15; give another batch_size"
    ):
        strategies.check_batch_size(15, two_replicas)


def test_default_strategy_is_the_chief():
    strategy = strategies.make_strategy(None)
    assert strategies.is_chief(strategy)
    assert strategy.num_replicas_in_sync == 1
