"""The web site: every public name has a place in it, and it builds without a broken link."""

import importlib
import importlib.util

import pytest

import zoo
from training.documents import site


def test_every_public_name_stands_on_one_page():
    pages = site.public_names()
    names = [name for page in pages.values() for name in page]
    assert set(names) | set(zoo._SUBPACKAGES) >= set(zoo.__all__)
    assert set(pages["zoo.models"]) == set(importlib.import_module("zoo.models").__all__)
    assert "ConvDRAW" not in pages["zoo"]  # It stands with zoo.models.


def test_pages_are_staged_at_their_paths(tmp_path):
    site.stage(tmp_path / "source")
    staged = tmp_path / "source"
    for path in ("README.md", "docs/GUIDE.md", "savedmodels/conv_draw_mnist/README.md"):
        assert (staged / path).read_bytes() == (site.ROOT / path).read_bytes()
    reference = (staged / "reference/zoo.models.md").read_text()
    assert "::: zoo.models.conv_draw.ConvDRAW" in reference
    index = (staged / "reference/index.md").read_text()
    assert "[`load`](zoo.md#zoo.hub.load)" in index


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("mkdocs"), reason="needs vae-zoo[site]")
def test_the_site_builds_with_no_broken_link():
    site.main()
