"""What made a run: versions of packages, the commit, the machine and what it took."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess

import numpy as np
import tensorflow as tf

import zoo
from zoo.base.frozen import frozen_weights

__all__ = ["commit", "facts", "machine", "made_with"]

_PACKAGES = ("vae-zoo", "tensorflow", "keras", "tensorflow-probability", "numpy")


def made_with():
    """Versions of what a run stands on, and the commit, if the code is in a git checkout."""
    versions = {name: _version(name) for name in _PACKAGES}
    return {"versions": versions, "commit": commit()}


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # Run from a checkout, without installing it.
        return zoo.__version__ if package == "vae-zoo" else None


def commit(file=__file__):
    """Returns the commit of the checkout that `file`, this one, is in, or None outside of one.

    It ends with "-modified" where code of ours is not as committed.
    """
    file = pathlib.Path(file)
    checkout = file.parents[2]

    def git(*arguments):
        command = ["git", "-C", str(checkout), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return done.stdout.strip()

    try:
        # Not a package inside some other checkout.
        git("ls-files", "--error-unmatch", str(file.relative_to(checkout)))
        new_code = ("ls-files", "--others", "--exclude-standard", "zoo/*.py", "training/*.py")
        is_modified = git("status", "--porcelain", "--untracked-files=no") or git(*new_code)
        return git("rev-parse", "HEAD") + ("-modified" if is_modified else "")
    except (OSError, subprocess.SubprocessError):
        return None


def facts(model, recipe, progress):
    """Says what a run took: steps, seconds, parameters, the machine; JSON-ready values."""
    seconds = sum(row["seconds"] for row in progress.rows)
    return {
        "steps": progress.step,
        "seed": recipe.seed,
        "parameters": _count(model.trainable_weights),
        "frozen_parameters": _count(frozen_weights(model)),
        "training_seconds": round(seconds, 1),
        "images_per_second": round(progress.step * recipe.batch_size / max(seconds, 1e-9), 1),
        "machine": machine(),
    }


def _count(weights):
    return int(sum(np.prod(weight.shape) for weight in weights))


def machine():
    """Says what a run ran on, without naming the machine; JSON-ready values."""
    devices = tf.config.list_physical_devices("GPU")
    names = [
        tf.config.experimental.get_device_details(d).get("device_name", "GPU") for d in devices
    ]
    return {
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "accelerators": names,
        "system": platform.system(),
    }


def _processor_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
