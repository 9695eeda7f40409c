import dataclasses
import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.tiers import cover
from tests.training.tiny import conditional_recipe, make_model, recipes_of, tiny_recipe
from training import datasets, kinds
from training.evaluation import feasibility
from training.kinds import card
from training.recipes import Recipe, find_recipe, recipe_names
from training.runs import run
from zoo.errors import UsageError


def test_the_recipes_that_documents_name_exist():
    assert {"conv_draw_digits", "conv_draw_mnist", "conv_draw_cifar10", "conv_draw_folder"} <= set(
        recipe_names()
    )


IMAGE_MODELS = recipes_of("latent-variable model")


# Of images, and of contexts where there are any.
_SHAPES = {
    "digits": ((16, 16, 1),),
    "mnist": ((28, 28, 1),),
    "fashion_mnist": ((28, 28, 1),),
    "mnist_sum": ((28, 28, 1), (28, 28, 2)),
    "mnist_sum_hard": ((28, 28, 2), (28, 28, 1)),
    "mnist_rotate": ((28, 28, 1), (28, 28, 2)),
    "mnist_sum:digits": ((16, 16, 1), (16, 16, 2)),
}


def of_each_pair():
    """A recipe of each architecture with each objective."""
    recipes = map(find_recipe, reversed(IMAGE_MODELS))
    pairs = {(r.architecture["class_name"], r.objective["class_name"]): r.name for r in recipes}
    return pairs.values()


@pytest.mark.parametrize("name", cover(IMAGE_MODELS, of_each_pair()))
def test_every_recipe_makes_a_model(name):
    recipe = find_recipe(name)
    assert recipe.name == name
    shapes = _SHAPES.get(recipe.data["name"], ((32, 32, 3),))
    model = make_model(recipe, *shapes)
    assert feasibility.tolerances(model) == pytest.approx(recipe.tolerances)
    assert type(model.objective).__name__ == recipe.objective["class_name"]
    assert recipe.fidelity


@pytest.mark.parametrize("name", recipe_names())
def test_ledger_names_the_learning_rate_of_the_recipe(name):
    recipe = find_recipe(name)
    (row,) = (row for row in recipe.fidelity if row["setting"] == "learning rate")
    rates = [float(number) for number in re.findall(r"\d+e-\d+", row["ours"])]
    start, fraction = recipe.optimizer["learning_rate"], recipe.optimizer["final_fraction"]
    assert rates == pytest.approx([start, start * fraction])


def test_learning_rate_falls_along_a_cosine():
    model = make_model(tiny_recipe(steps=100), (8, 8, 1))
    rates = []
    for step in (0, 50, 100):
        model.optimizer.iterations.assign(step)
        rates.append(float(model.optimizer.learning_rate))
    assert rates == pytest.approx([0.01, 0.0055, 0.001], rel=1e-5)


def test_unknown_recipe_has_near_names():
    with pytest.raises(
        UsageError, match=r"no recipe 'conv_draw_mist'.*Did you mean conv_draw_mnist"
    ):
        find_recipe("conv_draw_mist")


def test_recipe_of_a_run_directory_is_a_recipe(tmp_path):
    path = tmp_path / "recipe.json"
    values = tiny_recipe().to_dict() | {"made_with": {"commit": None}}
    path.write_text(json.dumps(values))
    assert find_recipe(str(path)) == tiny_recipe()


def test_damaged_or_wrong_file_is_named(tmp_path):
    path = tmp_path / "mine.json"
    with pytest.raises(UsageError, match=r"no recipe file .*mine\.json"):
        find_recipe(str(path))
    path.write_text("{")
    with pytest.raises(UsageError, match=r"mine\.json is not JSON"):
        find_recipe(str(path))
    path.write_text('{"name": "x", "colour": 1}')
    with pytest.raises(UsageError, match=r"lacks.*steps.*unknown fields.*colour"):
        find_recipe(str(path))


def test_override():
    recipe = tiny_recipe()
    changed = recipe.override(
        dataset="mnist", image_size=12, tolerance=0.05, steps=9, seed=1, learning_rate=0.5
    )
    assert changed.data == {"name": "mnist", "options": {"image_size": 12}}
    assert changed.tolerances == {"ReconstructionError": 0.05}
    assert (changed.steps, changed.seed, changed.optimizer["learning_rate"]) == (9, 1, 0.5)
    assert recipe == tiny_recipe(), "the recipe itself must not change"
    assert changed.override(tolerance=0.05, learning_rate=0.5, dataset="mnist") == changed


def test_augmentation_is_a_part_of_a_recipe_that_it_may_lack():
    recipe = tiny_recipe()
    assert "augmentation" not in recipe.to_dict()
    varied = recipe.override(flip=True, shift=2)
    assert varied.to_dict()["augmentation"] == {"flip": True, "shift": 2}
    assert Recipe.from_dict(varied.to_dict(), "a file") == varied
    assert varied.override(flip=False, shift=0).augmentation == {"flip": False, "shift": 0}
    photographs = find_recipe("conv_draw_folder").override(dataset="folder:mine", image_size=64)
    assert photographs.augmentation == {"flip": True, "shift": 4}


def test_training_images_alone_are_augmented():
    recipe = tiny_recipe().override(flip=True, shift=2)
    data = datasets.load_for(recipe)
    kind = kinds.of_recipe(recipe)
    plain = next(data.train_batches(16, recipe.seed).as_numpy_iterator())["image"]
    varied = next(kind.train_batches(recipe, data, 0).as_numpy_iterator())["image"]
    assert varied.shape == plain.shape
    assert np.mean(np.any(varied != plain, axis=(1, 2, 3))) > 0.5
    assert recipe.augmentation_text == "half of them mirrored, moved by up to 2 pixels"
    assert recipe.override(flip=False, shift=0).augmentation_text == ""


def test_a_card_says_what_a_run_has_otherwise_than_its_recipe():
    recipe = find_recipe("conv_draw_folder")
    assert "The run had its own" not in card.fidelity(recipe)
    plain = recipe.override(flip=False, shift=0, batch_size=8, dataset="folder:mine")
    assert "The run had its own data, batch size, augmentation: " in card.fidelity(plain)
    mine = dataclasses.replace(plain, name="mine")
    assert "The run had its own" not in card.fidelity(mine), "nothing to compare it with"


def test_what_belongs_to_a_context_is_not_augmented(tmp_path):
    recipe = conditional_recipe().override(shift=1)
    with pytest.raises(UsageError, match="single images to augment, received images with context"):
        run.train(recipe, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


def test_override_of_the_objective():
    elbo = tiny_recipe().override(objective="elbo")
    assert elbo.objective == {"class_name": "ELBO", "arguments": {"beta": 1.0}}
    assert elbo.tolerances == {}
    assert elbo.override(objective="geco", tolerance=0.3).tolerances == {"ReconstructionError": 0.3}
    assert tiny_recipe().override(objective="geco") == tiny_recipe()
    for name, class_name in (("info_vae", "InfoVAE"), ("unregularised", "Unregularised")):
        other = tiny_recipe().override(objective=name)
        assert other.objective == {"class_name": class_name, "arguments": {}}


def _with_objective(class_name, **arguments):
    recipe = tiny_recipe()
    recipe.objective.clear()
    recipe.objective.update({"class_name": class_name, "arguments": arguments})
    return recipe


def _part(class_name, **arguments):
    return {"class_name": class_name, "arguments": arguments}


def test_parts_of_objectives_are_made_of_their_configs():
    divergence = _part("MMD", bandwidth="paper", estimator="biased")
    recipe = _with_objective("InfoVAE", alpha=0.5, lambda_=3.0, divergence=divergence)
    objective = make_model(recipe, (8, 8, 1)).objective
    assert (objective.divergence.bandwidth, objective.divergence.estimator) == ("paper", "biased")
    schedule = _part("Linear", start=0.0, end=1.0, steps=7)
    objective = make_model(_with_objective("ELBO", beta=schedule), (8, 8, 1)).objective
    assert objective.beta.steps == 7


def test_likelihood_of_a_recipe_may_have_settings():
    arguments = {"latent_dim": 2, "filters": [4], "likelihood": _part("Gaussian", scale=0.25)}
    recipe = tiny_recipe(architecture=_part("ConvVAE", **arguments))
    assert float(make_model(recipe, (8, 8, 1)).likelihood.scale) == 0.25
    arguments["likelihood"] = _part("Gausian")
    with pytest.raises(UsageError, match=r"no likelihood 'Gausian'\. Did you mean Gaussian"):
        make_model(tiny_recipe(architecture=_part("ConvVAE", **arguments)), (8, 8, 1))


@pytest.mark.parametrize(
    ("class_name", "arguments", "message"),
    [
        ("ELBO", {"beta": _part("Linea")}, "no registered class 'Linea'. Did you mean Linear"),
        ("InfoVAE", {"divergence": _part("MMDs")}, "no divergence 'MMDs'. Did you mean MMD"),
        ("InfoVAE", {"alpha": 2.0}, "alpha"),
        (
            "GECO",
            {"constraints": [_part("ClassificationAccuracy", tolerance=0.9, classifier="mine")]},
            "mine",
        ),
        (
            "GECO",
            {
                "constraints": [
                    _part("FeatureReconstructionError", tolerance=0.9, features="conv_draw_digits")
                ]
            },
            "conv_draw_digits is a ConvDRAW. Choose from classifier_",
        ),
    ],
)
def test_parts_that_are_not_to_be_had_are_refused(class_name, arguments, message):
    with pytest.raises(UsageError, match=message):
        make_model(_with_objective(class_name, **arguments), (8, 8, 1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tolerance": 0.0}, "tolerance must be a finite number above 0.*Received: tolerance=0.0"),
        ({"tolerance": 25.0}, "and at most 1: a root mean .*, such as 0.1. Received: tolerance=25"),
        ({"tolerance": float("nan")}, "tolerance must be a finite number above 0"),
        ({"tolerance": 0.1, "objective": "elbo"}, 'add objective="geco"'),
        ({"steps": 0}, "steps must be an int of at least 1. Received: steps=0"),
        ({"batch_size": -1}, "batch_size must be"),
        ({"learning_rate": -1.0}, "learning_rate must be a finite number above 0"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_override_refuses(settings, message):
    with pytest.raises(UsageError, match=message):
        tiny_recipe().override(**settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": {"class_name": "ConvDRAWN", "arguments": {}}}, "Did you mean ConvDRAW"),
        (
            {"objective": {"class_name": "ELBO", "arguments": {"betta": 1}}},
            "no argument of ELBO 'betta'. Did you mean beta",
        ),
        ({"architecture": {"class_name": "ConvDRAW", "arguments": {"stride": 3}}}, "divisible"),
    ],
)
def test_what_cannot_be_built_is_named(changes, message):
    with pytest.raises(UsageError, match=message):
        make_model(tiny_recipe(**changes), (8, 8, 1))


def test_data_that_cannot_be_loaded_is_named(tmp_path):
    with pytest.raises(UsageError, match='add dataset="folder:PATH"'):
        datasets.load_for(find_recipe("conv_draw_folder"))
    with pytest.raises(UsageError, match="Did you mean digits"):
        datasets.load_for(tiny_recipe().override(dataset="digit"))
    with pytest.raises(UsageError, match="received none"):
        datasets.load_for(tiny_recipe().override(dataset=f"folder:{tmp_path}"))


def test_data_messages_name_settings(tmp_path):
    for name, side in (("a", 8), ("b", 9), ("c", 9)):
        Image.new("L", (side, side)).save(tmp_path / f"{name}.png")
    (tmp_path / "d.png").write_text("no image")
    recipe = tiny_recipe().override(dataset=f"folder:{tmp_path}")
    with pytest.raises(UsageError, match="give image_size, for instance image_size=64, with "):
        datasets.load_for(recipe.override(corrupt="skip"))
    with pytest.raises(UsageError, match='leave them out with corrupt="skip"'):
        datasets.load_for(recipe.override(image_size=8))
    with pytest.raises(UsageError, match="image_size must be an int of at least 1"):
        datasets.load_for(recipe.override(image_size=-1))
