"""One of two workers of test_strategies.py: checks, then trains, under MultiWorkerMirroredStrategy.

Run as `python -m tests.training.runs.two_workers MODEL OBJECTIVE DIRECTORY` with TF_CONFIG set;
reads images.npy and writes worker_<index>.npz there, and prints what the check says.
"""

import pathlib
import sys

import numpy as np

from training.runs import strategies
from zoo.errors import UserError


def main(model_name, objective_name, directory):
    # The strategy must exist before TensorFlow is used in any other way.
    strategy = strategies.make_strategy("multi_worker")
    from tests import contract

    index = strategy.cluster_resolver.task_id
    print("chief:", strategies.is_chief(strategy))
    strategies.check_same_step(strategy, 7)
    try:
        strategies.check_same_step(strategy, 3 * index)
    except UserError as error:
        print(error)
    directory = pathlib.Path(directory)
    images = np.load(directory / "images.npy")
    with strategy.scope():
        model = contract.make_compiled(model_name, objective_name, contract.linear_optimizer())
    loss = contract.train(model, images, num_steps=3, batch_size=8)
    np.savez(directory / f"worker_{index}.npz", loss=loss, **contract.state_of(model))


if __name__ == "__main__":
    main(*sys.argv[1:])
