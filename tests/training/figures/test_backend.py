"""Pictures need no backend of Matplotlib's that a notebook's kernel may ask for."""

import os
import subprocess
import sys

from tests.training.tiny import REPOSITORY

CODE = """
import sys
from training.figures.canvas import Canvas
from training.figures.plots import saved
Canvas(30, 20).save(sys.argv[1] + "/canvas.png")
with saved(sys.argv[1] + "/plot.png"):
    pass
"""


ENVIRONMENT = os.environ | {"MPLBACKEND": "module://not_installed_here.backend"}


def test_pictures_are_drawn_whatever_backend_the_environment_names(tmp_path):
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, env=ENVIRONMENT, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"canvas.png", "plot.png"}


def test_commands_run_whatever_backend_the_environment_names(tmp_path):
    """Keras imports Matplotlib as TensorFlow starts."""
    path = tmp_path / "samples.png"
    sample = ["sample", "conv_draw_digits", "-n", "2", "--output", str(path)]
    command = [sys.executable, "-m", "training", *sample]
    subprocess.run(command, cwd=REPOSITORY, env=ENVIRONMENT, check=True)
    assert path.exists()
