"""Pictures need no backend of Matplotlib's; that commands do not, test_start.py has."""

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


def test_pictures_are_drawn_whatever_backend_the_environment_names(tmp_path):
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    environment = os.environ | {"MPLBACKEND": "module://not_installed_here.backend"}
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"canvas.png", "plot.png"}
