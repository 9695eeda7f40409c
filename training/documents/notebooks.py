"""`python -m training.documents.notebooks`, which `make examples` runs: runs and stores examples/.

Each notebook is run from top to bottom in an empty folder and stored with what it prints and draws.
What TensorFlow logs on standard error is of the machine, not of the notebook, and left out.
"""

import sys
import tempfile

import nbclient
import nbformat

from training.documents.runs import ROOT

__all__ = ["main", "run"]

_SECONDS = 3600  # A cell, on a busy machine.


def main(names=()):
    """Runs the notebooks of these names, without suffix, or all."""
    for path in sorted((ROOT / "examples").glob("*.ipynb")):
        if not names or path.stem in names:
            print(f"Running {path.name} ...", flush=True)
            nbformat.write(run(path), path)


def run(path):
    """Returns a notebook, an `nbformat` node, with the outputs of a fresh run.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised an error.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        nbclient.NotebookClient(notebook, timeout=_SECONDS, resources=resources).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # Times.
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


if __name__ == "__main__":
    main(sys.argv[1:])
