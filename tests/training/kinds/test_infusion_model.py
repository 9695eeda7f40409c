"""An infusion model, which has no latents, through training and the commands."""

import json

import pytest
from PIL import Image

import zoo
from tests.training.tiny import (
    REPOSITORY,
    AtStep,
    Killed,
    conditional_recipe,
    die,
    history,
    recipes_of,
    tiny_recipe,
)
from training import datasets, kinds
from training.command_line import cli
from training.kinds.infusion_model import InfusionModel
from training.recipes import find_recipe
from training.runs import run
from zoo.errors import UsageError

INFUSION = {"class_name": "Infusion", "arguments": {}}
RECIPES = recipes_of("infusion model")


def infusion_recipe(**changes):
    architecture = {
        "class_name": "InfusionModel",
        "arguments": {"num_steps": 2, "filters": [4], "hidden_units": 8},
    }
    values = {"name": "infusion", "architecture": architecture, "objective": INFUSION}
    return tiny_recipe(**(values | changes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The directory of a finished run."""
    directory = tmp_path_factory.mktemp("runs") / "infusion"
    run.train(infusion_recipe(), directory, verbose=0, export=False)
    return directory


def test_fills_the_run_directory(finished):
    metrics = json.loads((finished / "metrics.json").read_text())
    assert set(metrics["test"]) == {"loss", "distortion", "rmse"}
    assert metrics["steps"] == 7
    for name in ("samples", "steps_of_samples", "steps_of_reconstructions"):
        with Image.open(finished / "figures" / f"{name}.png") as picture:
            assert min(picture.size) > 20
    card = (finished / "card.md").read_text()
    assert f"| rmse | {metrics['test']['rmse']:.4g} |" in card
    assert "neither encodes nor compresses" in card
    assert f"rmse {metrics['test']['rmse']:.4f}" in InfusionModel().summary(metrics)


@pytest.mark.thorough
def test_resumes_to_the_same_end(finished, tmp_path):
    steps = AtStep(5, die)  # Within the second epoch.
    settings = {"directory": tmp_path / "run", "verbose": 0, "callbacks": [steps]}
    with pytest.raises(Killed):
        run.train(infusion_recipe(), **settings)
    run.train(infusion_recipe(), resume=True, results=False, **settings)
    assert steps.num_steps == 5 + 4, "the three steps of the first epoch are not repeated"
    assert history(tmp_path / "run")[-1] == pytest.approx(history(finished)[-1], rel=1e-4)


def test_commands_take_it(finished, tmp_path, capsys):
    assert cli.main(["evaluate", str(finished), "--measure", "chain_steps"]) == 0
    output = capsys.readouterr().out
    assert "step_2_sample_sharpness" in output
    assert "bits a dimension" not in output
    picture = tmp_path / "samples.png"
    assert cli.main(["sample", str(finished), "--num", "4", "--output", str(picture)]) == 0
    assert picture.exists()
    picture = tmp_path / "compared.png"
    assert cli.main(["compare", str(finished), "--output", str(picture)]) == 0
    assert picture.exists()
    assert cli.main(["export", str(finished), str(tmp_path / "1")]) == 0
    assert zoo.load(tmp_path / "1").num_steps == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("evaluate", "{run}", "--measure", "mutual_information"),
            "this InfusionModel: it measures latents",
        ),
        (
            ("reconstruct", "{run}", str(REPOSITORY / "docs/images/two_moons.png")),
            "no latents to reconstruct",
        ),
    ],
)
def test_what_needs_latents_is_refused(finished, capsys, arguments, message):
    assert cli.main([part.format(run=finished) for part in arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            infusion_recipe(objective={"class_name": "ELBO", "arguments": {}}),
            "Infusion, .*, which trains",
        ),
        (infusion_recipe(data=conditional_recipe().data), "takes an image alone"),
        (
            infusion_recipe(
                architecture={"class_name": "InfusionModel", "arguments": {"num_steps": 0}}
            ),
            "num_steps",
        ),
    ],
)
def test_what_cannot_be_is_named(recipe, message):
    with pytest.raises(UsageError, match=message):
        kinds.make_model(recipe, datasets.load_for(recipe))


def test_a_tolerance_is_refused():
    with pytest.raises(UsageError, match="Infusion of infusion, which has 0"):
        infusion_recipe().override(tolerance=0.1)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_model(name):
    recipe = find_recipe(name)
    shapes = {"digits": (16, 16, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
    data = datasets.load_for(infusion_recipe())
    object.__setattr__(data, "image_shape", shapes[recipe.data["name"]])
    model = kinds.make_model(recipe, data)
    assert model.image_shape == shapes[recipe.data["name"]]
    assert recipe.fidelity
