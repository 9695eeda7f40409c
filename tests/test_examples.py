"""The notebooks in examples/ are stored with what they print and draw, and run as they are."""

import json
import os
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@each
def test_a_notebook_is_stored_as_it_ran_from_top_to_bottom(path):
    cells = code_cells(path)
    counts = [cell["execution_count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), "Run make examples."
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert all(output["output_type"] != "error" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert path.stat().st_size < 500_000


def test_the_readme_names_each():
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"examples/{path.name}" in readme for path in NOTEBOOKS)


@pytest.mark.slow
@each
def test_a_notebook_runs(path):
    pytest.importorskip("nbclient", reason="needs vae-zoo[examples]")
    from training.documents import notebooks

    if 'datasets.load(\\"' in path.read_text() and "TFDS_DATA_DIR" not in os.environ:
        pytest.skip("needs TFDS_DATA_DIR with prepared data")
    notebooks.run(path)
