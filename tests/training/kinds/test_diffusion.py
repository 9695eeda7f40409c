"""A diffusion model, which has a bound and no encoder, through a run."""

import json

import pytest
from PIL import Image

from tests.training.tiny import conditional_recipe, make_model, recipes_of, tiny_recipe
from training import kinds
from training.kinds.diffusion import Diffusion
from training.recipes import find_recipe
from training.runs import run
from zoo.errors import UsageError

RECIPES = recipes_of("diffusion model")


def diffusion_recipe(**changes):
    arguments = {"num_steps": 3, "filters": [4], "num_blocks": 1}
    architecture = {"class_name": "Diffusion", "arguments": arguments}
    objective = {"class_name": "SimpleDiffusion", "arguments": {}}
    values = {"name": "diffusion", "architecture": architecture, "objective": objective}
    return tiny_recipe(**(values | changes))


def test_a_run_measures_draws_and_describes_it(tmp_path):
    run.train(diffusion_recipe(steps=2, steps_per_epoch=2), tmp_path / "run", verbose=0)
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert set(metrics["test"]) == {"loss", "rate", "distortion", "denoising_error"}
    for name in ("samples", "reconstructions"):
        with Image.open(tmp_path / f"run/figures/{name}.png") as picture:
            assert min(picture.size) > 20
    card = (tmp_path / "run/card.md").read_text()
    bits = metrics["bits_per_dimension"]["value"]
    assert f"| bits a dimension | {bits:.4g} |" in card
    assert "neither encodes nor compresses" in card
    assert f"{bits:.3f} bits" in Diffusion().summary(metrics)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_make_models(name):
    recipe = find_recipe(name)
    shape = {"digits": (16, 16, 1), "mnist": (28, 28, 1)}[recipe.data["name"]]
    model = make_model(recipe, shape)
    assert model.optimizer.use_ema
    assert type(kinds.of_model(model)) is Diffusion


def test_data_with_context_are_refused():
    recipe = diffusion_recipe(data=conditional_recipe().data)
    with pytest.raises(UsageError, match="takes an image alone"):
        make_model(recipe, (8, 8, 1), (8, 8, 2))
