"""What a run says of a model with an energy-based prior, and how a second stage is made."""

import copy

import pytest

import zoo
from tests.training.tiny import make_model, tiny_recipe
from training import datasets, kinds
from training.evaluation import bits_per_dimension
from zoo.errors import UsageError

PRIOR = {
    "class_name": "EnergyPrior",
    "arguments": {"hidden_units": [4], "num_steps": 2, "num_temperatures": 2},
}


def energy_recipe():
    values = copy.deepcopy(tiny_recipe().to_dict())
    values["architecture"]["arguments"]["prior"] = PRIOR
    return tiny_recipe(**values)


def second_stage_recipe(backbone):
    arguments = {"backbone": str(backbone), "prior": PRIOR}
    return tiny_recipe(architecture={"class_name": "TiltedModel", "arguments": arguments})


def test_a_card_says_what_the_prior_is_and_its_log_z(uncompiled, monkeypatch):
    monkeypatch.setattr(
        bits_per_dimension,
        "measure",
        lambda *_, **__: {"value": 1.0, "images": 1, "importance_samples": 1},
    )
    recipe = energy_recipe()
    data = datasets.load_for(recipe)
    model = make_model(recipe, data.image_shape)
    model.run_eagerly = True
    kind = kinds.of_model(model)
    metrics = kind.measure_test(model, data, 32)
    assert metrics["log_z"] == {"value": 0.0, "error": 0.0}
    (row,) = (row for row in kind.measure_rows(data, metrics) if row[0] == "log Z")
    assert row[1:] == ("0", "nats, ± 0: the energy-based prior's normalising constant")
    assert "with a network of 4 hidden units" in kind.training_rows(recipe, data)["prior"]
    assert "prior" not in kind.training_rows(tiny_recipe(), data)


def test_a_second_stage_is_made_of_an_exported_model(tmp_path, uncompiled, monkeypatch):
    backbone = make_model(tiny_recipe(), (8, 8, 1))
    monkeypatch.setattr(zoo, "load", {"mine": backbone}.get)
    model = make_model(second_stage_recipe("mine"), (8, 8, 1))
    assert isinstance(model, zoo.models.TiltedModel)
    assert model.energy.hidden_units == (4,)
    assert not model.backbone.trainable
    message = r"needs the images that its mine was trained on, of shape \(8, 8, 1\).*\(16, 16, 1\)"
    with pytest.raises(UsageError, match=message):
        make_model(second_stage_recipe("mine"), (16, 16, 1))
