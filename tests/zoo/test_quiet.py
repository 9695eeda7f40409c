"""`import zoo` keeps away the notices of TensorFlow, for which another module stands in."""

import logging
import os
import subprocess
import sys

import pytest

from tests.training.tiny import REPOSITORY
from zoo.quiet import quiet_logger

NOTICES = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795738568.747355   21740 port.cc:153] oneDNN custom operations are on.
To enable the following instructions: AVX2, in other operations, rebuild TensorFlow.
E0000 00:00:1795738580.735840   21740 cuda_platform.cc:52] failed call to cuInit
2026-11-27 00:00:00.000000: I tensorflow/core/util/port.cc:153] oneDNN
"""
OTHERS = "what another thread has to say\nI am no notice\n"
TENSORFLOW = f"""
import os
os.write(2, {(NOTICES + OTHERS).encode()!r})
print(os.environ["TF_CPP_MIN_LOG_LEVEL"])
"""
CODE = "import os, zoo, tensorflow; print(os.environ.get('TF_CPP_MIN_LOG_LEVEL'))"


@pytest.fixture
def run(tmp_path):
    """Runs `CODE` with that TensorFlow, and the level if one is set."""

    def run(text=TENSORFLOW, **environment):
        (tmp_path / "tensorflow.py").write_text(text)
        unset = {name: value for name, value in os.environ.items() if "LOG_LEVEL" not in name}
        path = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
        return subprocess.run(
            [sys.executable, "-c", CODE],
            env={**unset, "PYTHONPATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_notices_are_left_out_and_nothing_else(run):
    done = run()
    assert done.stderr == OTHERS
    assert done.stdout == "3\nNone\n", "programs that are started later have their own level"


def test_a_level_that_is_set_is_kept_and_shows_all(run):
    done = run(TF_CPP_MIN_LOG_LEVEL="0")
    assert done.stderr == NOTICES + OTHERS
    assert done.stdout == "0\n0\n"


def test_an_import_that_fails_shows_all(run):
    done = run(f"{TENSORFLOW}\nraise ImportError('no library')\n")
    assert done.stderr.startswith(NOTICES + OTHERS)
    assert "no library" in done.stderr


def test_a_level_holds_in_the_block_alone(caplog):
    logger = logging.getLogger("some.library")
    logger.setLevel(logging.INFO)
    with quiet_logger(logger, logging.WARNING):
        logger.info("a path")
        logger.warning("a fault")
    logger.info("another path")
    assert caplog.messages == ["a fault", "another path"]
    with pytest.raises(RuntimeError), quiet_logger(logger):
        raise RuntimeError
    assert logger.level == logging.INFO
