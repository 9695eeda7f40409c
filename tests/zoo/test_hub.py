"""Pretrained models are found in a checkout, or fetched whole and unchanged, or refused."""

import http.server
import importlib.util
import json
import logging
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import numpy as np
import pooch
import pytest

from tests.tiers import cover
from zoo import hub

RELEASED = pathlib.Path(__file__).parents[2] / "savedmodels"
LARGEST_FILE = 5_000_000  # Bytes: they lie in the repository.


@pytest.fixture
def installed(tmp_path):
    """`zoo.hub` as of an installed package: beside it lie neither models nor their index."""
    file = tmp_path / "site-packages" / "zoo" / "hub.py"
    file.parent.mkdir(parents=True)
    shutil.copy(hub.__file__, file)
    spec = importlib.util.spec_from_file_location("installed_hub", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def published(installed, tmp_path, monkeypatch):
    """A folder of models, of which the installed package has the index."""
    models = tmp_path / "savedmodels"
    for version, text in (("2", "old"), ("10", "new")):
        folder = models / "vae_digits" / version
        (folder / "variables").mkdir(parents=True)
        (folder / "saved_model.pb").write_text(text)
        (folder / "variables" / "variables.index").write_bytes(bytes(range(256)))
    (models / "vae_digits" / "README.md").write_text("# VAE\n\nDraws\ndigits.\n\nMore.\n")
    (models / "not_a_model").mkdir()
    installed.update_index(models)
    monkeypatch.setenv("VAE_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VAE_ZOO_URL", models.as_uri() + "/")
    return models


def _files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_index_has_the_newest_version(installed, published, tmp_path):
    index = json.loads((tmp_path / "site-packages" / "zoo" / "pretrained.json").read_text())
    assert list(index) == installed.list_models() == ["vae_digits"]
    entry = index["vae_digits"]
    assert (entry["version"], entry["description"]) == (10, "Draws digits.")
    # sha256 of "new", by `printf new | sha256sum`
    assert entry["files"]["saved_model.pb"] == {
        "sha256": "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437",
        "bytes": 3,
    }
    assert list(entry["files"]) == ["saved_model.pb", "variables/variables.index"]


def test_an_index_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No <name>/<version>/ folders"):
        hub.update_index(tmp_path, tmp_path / "pretrained.json")
    assert os.listdir(tmp_path) == []


def test_a_checkout_is_read_in_place(installed, published, tmp_path, monkeypatch):
    checkout = tmp_path / "site-packages" / "savedmodels"
    shutil.copytree(published, checkout)
    monkeypatch.setenv("VAE_ZOO_URL", "https://nowhere.invalid")
    assert installed.saved_model_path("vae_digits") == checkout / "vae_digits" / "10"


def test_files_are_fetched_once(installed, published, tmp_path, monkeypatch):
    path = installed.saved_model_path("vae_digits")
    assert path == tmp_path / "cache" / "vae_digits" / "10"
    assert _files(path) == _files(published / "vae_digits" / "10")
    assert os.listdir(path.parent) == ["10"]
    monkeypatch.setenv("VAE_ZOO_URL", "https://nowhere.invalid")
    assert installed.saved_model_path("vae_digits") == path


def test_fetching_logs_no_paths(installed, published):
    logged, handler = [], logging.Handler()
    handler.emit = logged.append
    pooch.get_logger().addHandler(handler)
    try:
        installed.saved_model_path("vae_digits")
    finally:
        pooch.get_logger().removeHandler(handler)
    assert logged == []


@pytest.fixture
def web_server(published, monkeypatch):
    """The same over http; returns the paths of which it sends only the half."""
    cut = set()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(published))

        def copyfile(self, source, output):
            content = source.read()
            output.write(content[: len(content) // 2] if self.path in cut else content)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("VAE_ZOO_URL", f"http://127.0.0.1:{server.server_port}")
        yield cut
        server.shutdown()
        thread.join()


def test_files_are_fetched_over_http(installed, published, web_server):
    path = installed.saved_model_path("vae_digits")
    assert _files(path) == _files(published / "vae_digits" / "10")


def test_a_connection_that_breaks_off_is_told_and_nothing_kept(installed, web_server, tmp_path):
    web_server.add("/vae_digits/10/variables/variables.index")
    with pytest.raises(OSError, match=r"Cannot fetch http.*variables.index: .*128.*VAE_ZOO_URL"):
        installed.saved_model_path("vae_digits")
    assert _files(tmp_path / "cache") == {}


def test_a_file_that_is_not_served_is_told_and_nothing_kept(
    installed, published, web_server, tmp_path
):
    (published / "vae_digits" / "10" / "variables" / "variables.index").unlink()
    with pytest.raises(OSError, match=r"Cannot fetch http.*variables.index: 404.*VAE_ZOO_URL"):
        installed.saved_model_path("vae_digits")
    assert _files(tmp_path / "cache") == {}


def test_a_damaged_cache_is_fetched_again(installed, published):
    path = installed.saved_model_path("vae_digits")
    (path / "saved_model.pb").write_text("bad")
    (path / "more").write_text("something that was never published")
    path = installed.saved_model_path("vae_digits")
    assert _files(path) == _files(published / "vae_digits" / "10")


@pytest.mark.parametrize("content", ["bad", "newer", ""], ids=["same size", "longer", "shorter"])
def test_a_changed_file_is_refused_and_nothing_kept(installed, published, tmp_path, content):
    (published / "vae_digits" / "10" / "saved_model.pb").write_text(content)
    message = r"10/saved_model.pb is not the file.*expected sha256:11507a0e.*but got.*Fetch again"
    with pytest.raises(ValueError, match=message):
        installed.saved_model_path("vae_digits")
    assert _files(tmp_path / "cache") == {}


def test_a_missing_file_is_named_and_nothing_kept(installed, published, tmp_path):
    (published / "vae_digits" / "10" / "variables" / "variables.index").unlink()
    with pytest.raises(OSError, match=r"Cannot fetch file:.*variables.index.*VAE_ZOO_URL"):
        installed.saved_model_path("vae_digits")
    assert _files(tmp_path / "cache") == {}


@pytest.mark.parametrize("url", ["ftp://host/x", "/some/folder", "data:,x"])
def test_other_addresses_are_refused(installed, published, monkeypatch, url):
    monkeypatch.setenv("VAE_ZOO_URL", url)
    with pytest.raises(ValueError, match=rf"https://, http:// or file://. Received: {url}"):
        installed.saved_model_path("vae_digits")


def test_without_an_address_it_says_what_to_set(installed, published, monkeypatch):
    monkeypatch.delenv("VAE_ZOO_URL")
    installed.DEFAULT_URL = None
    three_ways = r"vae_digits are not .* in a checkout .* vae-zoo-models .* VAE_ZOO_URL"
    with pytest.raises(ValueError, match=three_ways):
        installed.saved_model_path("vae_digits")


def test_the_default_address_is_used(installed, published, monkeypatch):
    monkeypatch.delenv("VAE_ZOO_URL")
    installed.DEFAULT_URL = published.as_uri()
    assert installed.saved_model_path("vae_digits").is_dir()


@pytest.fixture
def models_package(published, tmp_path, monkeypatch):
    """The distribution `vae-zoo-models`, as if it were installed; returns its folder."""
    folder = tmp_path / "other-site-packages" / "vae_zoo_models"
    shutil.copytree(published, folder)
    shutil.copy(RELEASED / "__init__.py", folder)
    monkeypatch.setenv("VAE_ZOO_URL", "https://nowhere.invalid")
    monkeypatch.syspath_prepend(folder.parent)
    yield folder
    sys.modules.pop("vae_zoo_models", None)


def test_an_installed_package_of_models_is_read_in_place(installed, models_package):
    assert installed.saved_model_path("vae_digits") == models_package / "vae_digits" / "10"


def test_models_of_another_format_are_refused_with_both_versions(installed, models_package):
    (models_package / "__init__.py").write_text('__version__, FORMAT = "3.0", 7')
    message = r"vae-zoo-models 3.0 is of format 7, and this vae-zoo reads format 1"
    with pytest.raises(ValueError, match=message):
        installed.saved_model_path("vae_digits")


def test_the_card_is_printed(installed, models_package, capsys):
    installed.describe("vae_digits")
    assert capsys.readouterr().out == "# VAE\n\nDraws\ndigits.\n\nMore.\n"


def test_without_a_card_the_index_says_what_the_model_is(installed, published, capsys):
    installed.describe("vae_digits")
    assert capsys.readouterr().out == "vae_digits: Draws digits.\n"


@pytest.mark.parametrize("function", ["describe", "load", "saved_model_path"])
def test_an_unknown_name_gets_the_near_ones(installed, published, function):
    with pytest.raises(ValueError, match=r"'vae_digit'. Did you mean vae_digits\? There are: vae"):
        getattr(installed, function)("vae_digit")


def test_load_refuses_what_is_neither_name_nor_path(installed, published):
    with pytest.raises(ValueError, match=r"takes a name .*Received: a NoneType"):
        installed.load(None)


def test_load_takes_a_name(installed, published, tmp_path):
    import zoo

    released = RELEASED / "classifier_mnist" / "1"
    shutil.copytree(released, published / "classifier" / "1")
    installed.update_index(published)
    weights = [model.get_weights() for model in (installed.load("classifier"), zoo.load(released))]
    assert all(map(np.array_equal, *weights))
    assert (tmp_path / "cache" / "classifier" / "1" / "saved_model.pb").is_file()


def test_listing_needs_no_tensorflow():
    code = "import sys, zoo, zoo.serving; zoo.list_models(); print('tensorflow' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


# === What is released ===


def test_the_index_is_that_of_the_released_models(tmp_path):
    index = hub.update_index(RELEASED, tmp_path / "pretrained.json")
    assert index == hub.read_index()
    for name, entry in index.items():
        assert max(file["bytes"] for file in entry["files"].values()) <= LARGEST_FILE, name
        assert entry["description"], f"{name} has no card"
        for link in re.findall(r"\]\(([^):]+)\)", (RELEASED / name / "README.md").read_text()):
            assert (RELEASED / name / link).is_file(), f"the card of {name} shows {link}"


def _one_of_each_class():
    """Names of released models: of those of one class the first."""
    names = {}
    for name in hub.list_models():
        path = next((RELEASED / name).glob("*/assets.extra/vae_zoo.json"))
        names.setdefault(json.loads(path.read_text())["class"], name)
    return names.values()


@pytest.mark.parametrize("name", cover(hub.list_models(), _one_of_each_class()))
def test_a_released_model_loads(name):
    assert hub.load(name).count_params() > 0
