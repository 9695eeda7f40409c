"""Runs that several tests look at, made once."""

import pytest

from tests import contract
from tests.training.tiny import tiny_recipe
from tests.unchecked import unchecked_exports
from training.command_line import demo
from training.runs import run


@pytest.fixture(scope="module", autouse=True)
def _unchecked_exports():
    """Runs export their models without running what was exported, which tests/zoo/serving does."""
    with unchecked_exports():
        yield


@pytest.fixture(scope="session")
def tiny_recipe_file(tmp_path_factory):
    """The tiny recipe as a file, for the command line."""
    import json

    path = tmp_path_factory.mktemp("recipes") / "tiny.json"
    path.write_text(json.dumps(tiny_recipe().to_dict()))
    return path


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """The directory of a finished run, with all its files: made by the demo, of a tiny model."""
    directory = tmp_path_factory.mktemp("runs") / "demo"
    demo.demo(directory, recipe=tiny_recipe(name="conv_draw_digits"))
    return directory


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """Directory and final training state of a tiny run that nothing disturbed."""
    directory = tmp_path_factory.mktemp("runs") / "uninterrupted"
    model, _ = run.train(tiny_recipe(), directory, verbose=0, results=False)
    return directory, contract.state_of(model)
