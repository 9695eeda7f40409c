"""Training on several devices or machines: `--strategy`; docs/SCALING.md is the guide."""

import json
import os

import numpy as np
import tensorflow as tf

from zoo import checks
from zoo.errors import MismatchError, UserError
from zoo.names import did_you_mean

__all__ = ["NAMES", "check_batch_size", "check_same_step", "is_chief", "make_strategy"]

NAMES = ("none", "mirrored", "multi_worker")


def make_strategy(name):
    """Makes the tf.distribute strategy of that name.

    Args:
        name: None or "none": TensorFlow's default, one device. "mirrored": all devices of this
            machine. "multi_worker": all machines named by the environment variable TF_CONFIG; must
            be called before TensorFlow is used otherwise.

    Raises:
        UsageError: The name is unknown, or TF_CONFIG is missing or not a cluster of workers.
    """
    if name is None:
        return tf.distribute.get_strategy()
    checks.choice("strategy", name, NAMES, remedy=did_you_mean(name, NAMES).strip())
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        _check_tf_config()
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def _check_tf_config():
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        workers, index = config["cluster"]["worker"], config["task"]["index"]
        is_valid = config["task"]["type"] == "worker" and 0 <= index < len(workers)
    except (json.JSONDecodeError, KeyError, TypeError):
        is_valid = False
    if not is_valid:
        raise MismatchError(
            "strategy",
            "for $strategy=multi_worker the environment variable TF_CONFIG, as in "
            '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
            '"task": {"type": "worker", "index": 0}}',
            f"TF_CONFIG={text!r}",
            "set it on every machine",
        )


def is_chief(strategy):
    """Whether this process writes the run directory: it is the only one, or worker 0."""
    resolver = getattr(strategy, "cluster_resolver", None)
    return resolver is None or not resolver.task_type or resolver.task_id == 0


def check_batch_size(batch_size, strategy):
    """Raises UsageError if the global batch does not divide over the replicas."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise MismatchError(
            "batch_size",
            f"$batch_size, the whole of a step, to be divisible by {replicas}, the devices that "
            "share it",
            batch_size,
            "give another $batch_size",
        )


def check_same_step(strategy, step):
    """Raises UserError if the workers of the strategy start from different steps.

    All of them must call it: each tells the others its own step.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    own = strategy.run(lambda: tf.constant([step], tf.int64))
    steps = np.unique(strategy.gather(own, axis=0).numpy())
    if len(steps) > 1:
        raise UserError(
            f"The workers restored checkpoints of different steps: {steps[0]} and {steps[-1]}; "
            f"this one that of step {step}. The run directory must be the same for all of them, on "
            "a file system that all of them read. Mend that, then run the same command with "
            "--resume on every worker."
        )
