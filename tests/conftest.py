"""How tests are given to processes, of which those that run them load a plugin."""

import os

from xdist.scheduler import LoadFileScheduling

# Before any file of the tests brings TensorFlow along.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Tests compile far more than they run.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

# Files of these folders share fixtures that take long to make, so one process runs them all; and
# runs them first, for at the end the other would wait for it.
TOGETHER = ("tests/zoo/serving/", "tests/training/command_line/")


class Scheduling(LoadFileScheduling):
    """Gives each file to one process, and the folders of `TOGETHER` as if they were a file."""

    def _split_scope(self, nodeid):
        return next((f for f in TOGETHER if nodeid.startswith(f)), super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.startswith(TOGETHER))


def pytest_configure(config):
    """Loads `tests.tensorflow_plugin`, which takes seconds, in each process that runs tests."""
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    if runs_tests:
        config.pluginmanager.import_plugin("tests.tensorflow_plugin")
