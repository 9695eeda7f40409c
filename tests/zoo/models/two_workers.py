"""One of two workers of test_contract_training.py: trains under MultiWorkerMirroredStrategy.

Run as `python -m tests.zoo.models.two_workers MODEL OBJECTIVE DIRECTORY` with TF_CONFIG set; reads
images.npy and writes worker_<index>.npz there.
"""

import json
import os
import pathlib
import sys

import numpy as np
import tensorflow as tf


def main(model_name, objective_name, directory):
    # The strategy must exist before TensorFlow is used in any other way.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    from tests import contract

    directory = pathlib.Path(directory)
    images = np.load(directory / "images.npy")
    with strategy.scope():
        model = contract.make_compiled(model_name, objective_name, contract.linear_optimizer())
    loss = contract.train(model, images, num_steps=3, batch_size=8)
    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    np.savez(directory / f"worker_{index}.npz", loss=loss, **contract.state_of(model))


if __name__ == "__main__":
    main(*sys.argv[1:])
