"""A run notes its images, and goes on with others only where that is asked for."""

import pytest
from PIL import Image

from tests.training.tiny import tiny_recipe
from training import datasets
from training.runs.run_directory import RunDirectory
from training.runs.same_data import check_same_data, describe_data
from zoo.errors import MismatchError


@pytest.fixture
def digits_folder(tmp_path):
    folder = tmp_path / "digits"
    folder.mkdir()
    for value in range(40):
        Image.new("L", (8, 8), 5 * value).save(folder / f"{value:02}.png")
    return folder


def test_resume_refuses_other_images_unless_asked(tmp_path, digits_folder):
    recipe = tiny_recipe().override(dataset=f"folder:{digits_folder}")
    directory = RunDirectory(tmp_path / "run")
    data = datasets.load_for(recipe)
    directory.create({**recipe.to_dict(), "made_with": {"data": describe_data(data)}})
    check_same_data(data, directory, False, True)
    for change in (
        lambda: Image.new("L", (8, 8), 7).save(digits_folder / "new.png"),
        lambda: (digits_folder / "new.png").rename(digits_folder / "0.png"),
        lambda: (digits_folder / "0.png").unlink(),
    ):
        before = directory.read_made_with()["data"]
        change()
        data = datasets.load_for(recipe)
        with pytest.raises(MismatchError, match=r"with (\d+ and not \d+ for|images of other)"):
            check_same_data(data, directory, False, True)
        with pytest.warns(UserWarning, match="goes on with other images"):
            check_same_data(data, directory, True, True)
        check_same_data(data, directory, False, True)
        assert directory.read_made_with()["data_changes"][-1] == {"step": 0, "before": before}
    assert directory.read_recipe() == recipe
