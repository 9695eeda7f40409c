"""A model without a mean through training: no rmse anywhere, chains beside the samples."""

import json

import pytest
from PIL import Image

from tests.training.tiny import tiny_recipe
from training.command_line import cli
from training.kinds.latent_model import LatentModel
from training.runs import run


def pixel_recipe(objective="Unregularised", **changes):
    architecture = {
        "class_name": "PixelVAE",
        "arguments": {
            "latent_dim": 2,
            "filters": 4,
            "num_blocks": 1,
            "encoder_filters": [4],
            "hidden_units": 8,
        },
    }
    objective = {"class_name": objective, "arguments": {}}
    values = {"name": "pixels", "architecture": architecture, "objective": objective, "steps": 3}
    return tiny_recipe(**(values | changes))


@pytest.fixture(scope="module")
def pixel_run(tmp_path_factory):
    """The directory of a finished run of a PixelVAE."""
    directory = tmp_path_factory.mktemp("runs") / "pixels"
    run.train(pixel_recipe(), directory, verbose=0, export=False)
    return directory


def test_measures_have_no_rmse(pixel_run):
    metrics = json.loads((pixel_run / "metrics.json").read_text())
    assert set(metrics["test"]) == {"loss", "rate", "distortion"}
    assert metrics["equivalent_beta"] is None
    assert 0 < metrics["bits_per_dimension"]["value"] < 20


def test_card_says_that_images_are_drawn(pixel_run):
    card = (pixel_run / "card.md").read_text()
    assert "| rmse |" not in card
    assert "below each its reconstruction with latents and pixels drawn." in card
    assert "Samples: draws of the likelihood" in card
    assert "![Markov chains](figures/markov_chains.png)" in card
    assert "Samples are means" not in card


def test_pictures_are_there(pixel_run):
    for name in ("reconstructions", "samples", "markov_chains", "trajectory"):
        with Image.open(pixel_run / "figures" / f"{name}.png") as picture:
            assert min(picture.size) > 50


def test_commands_do_without_an_rmse(pixel_run, tmp_path, capsys):
    assert cli.main(["evaluate", str(pixel_run)]) == 0
    output = capsys.readouterr().out
    assert "distortion" in output
    assert "rmse" not in output
    picture = tmp_path / "samples.png"
    assert cli.main(["sample", str(pixel_run), "--num", "4", "--output", str(picture)]) == 0
    assert picture.exists()


def test_summary_leaves_the_rmse_out(pixel_run):
    text = LatentModel().summary(json.loads((pixel_run / "metrics.json").read_text()))
    assert text.startswith("On the test split: rate ")


def test_geco_is_refused_by_name(tmp_path):
    constraint = {"class_name": "ReconstructionError", "arguments": {"tolerance": 0.2}}
    objective = {"class_name": "GECO", "arguments": {"constraints": [constraint]}}
    recipe = pixel_recipe()
    recipe = type(recipe).from_dict(recipe.to_dict() | {"objective": objective}, "pixels")
    with pytest.raises(Exception, match="PixelVAE does not have in closed form"):
        run.train(recipe, tmp_path / "run", verbose=0)
