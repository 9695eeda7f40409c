"""The Python that documents give can be run: what it names exists and takes what it is given."""

import ast
import pathlib
import re

import keras
import numpy as np
import pytest

import zoo
from tests.documented import IMPORTED, check_call, resolve
from tests.zoo.serving.double import Double
from training import datasets

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = ["README.md", *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")))]
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(document):
    return _BLOCK.findall((ROOT / document).read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if blocks(name)])
def test_what_is_named_exists_and_takes_what_it_is_given(document):
    for block in blocks(document):
        for node in ast.walk(ast.parse(block)):
            resolve(node)
            if isinstance(node, ast.Call):
                check_call(node)


@pytest.mark.parametrize("wrong", ["zoo.Geco()", "zoo.ConvDRAW(shape=(28, 28, 1))", "zoo.load()"])
def test_what_does_not_exist_is_found(wrong):
    with pytest.raises(AssertionError):
        [check_call(node) for node in ast.walk(ast.parse(wrong)) if isinstance(node, ast.Call)]


@pytest.mark.slow
@pytest.mark.parametrize("document", ["README.md", "docs/GUIDE.md"])
def test_all_runs_from_top_to_bottom(document, tmp_path, monkeypatch):
    """On few images; a server's double answers the client."""
    monkeypatch.chdir(tmp_path)
    images = datasets.load("digits", image_size=28).sample_images("train", 500, seed=0)
    mnist = (images[:64, ..., 0], np.zeros(64))
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: (mnist, mnist))
    few = dict.fromkeys(("images", "test_images", "more_images"), images[:24])
    names = {**IMPORTED, **few, "validation_images": images}
    with Double({"conv_draw_mnist": str(zoo.saved_model_path("conv_draw_mnist"))}) as double:
        for block in blocks(document):
            exec(block.replace("localhost:8500", double.grpc_address), names)
