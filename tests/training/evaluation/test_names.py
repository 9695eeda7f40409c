"""Every measure by its name: it is there, and refuses what it is not about."""

import dataclasses
import importlib
import inspect
import pkgutil

import pytest

import zoo
from training import datasets, evaluation
from training.evaluation import classifiers, outlier_scores
from zoo.errors import UsageError

MODULES = {
    name: importlib.import_module(f"training.evaluation.{name}")
    for _, name, _ in pkgutil.iter_modules(evaluation.__path__)
}


def test_measures_are_the_modules_with_a_description():
    described = {n: m.DESCRIPTION for n, m in MODULES.items() if hasattr(m, "DESCRIPTION")}
    assert described == evaluation.DESCRIPTIONS
    assert all(hasattr(MODULES[name], "measure") for name in described)


@pytest.mark.parametrize("name", evaluation.DESCRIPTIONS)
def test_every_measure_takes_a_model_and_a_data_set(name):
    module = MODULES[name]
    first, second, *others = inspect.signature(module.measure).parameters.values()
    assert (first.name, second.name) == ("model", "data")
    assert all(parameter.default is not parameter.empty for parameter in others)
    assert "Example:" in module.measure.__doc__


@pytest.fixture(scope="module")
def models():
    small = {"num_steps": 1, "filters": 2, "latent_filters": 1, "kernel_size": 3}
    return {
        "conditional": zoo.ConvDRAW((8, 8, 1), context_shape=(8, 8, 1), **small),
        "infusion": zoo.InfusionModel((8, 8, 1), num_steps=1, filters=(2,), hidden_units=2),
        "latent": zoo.ConvVAE((8, 8, 1), latent_dim=2, filters=(2,), hidden_units=2),
    }


@pytest.mark.parametrize("name", evaluation.DESCRIPTIONS)
def test_models_that_a_measure_is_not_about_are_refused(name, models, monkeypatch):
    data = datasets.load("digits", image_size=8)
    if name == "known_topology":
        data = dataclasses.replace(data, name="topology:circle")
    # No pretrained classifier knows these digits; that has a test of its own.
    monkeypatch.setattr(classifiers, "find_classifier", lambda classifier, data: None)
    # Nor are there outliers to them.
    monkeypatch.setitem(outlier_scores._OTHERS, "digits", "mnist")
    taken = {
        "conditional": name in ("generated_accuracy", "quantized_likelihood"),
        "infusion": name
        in (
            *("chain_steps", "class_distribution", "frechet_distance"),
            *("known_topology", "sample_confidence", "sharpness"),
        ),
        "latent": name not in ("generated_accuracy", "chain_steps"),
    }
    for kind, model in models.items():
        if taken[kind]:
            evaluation.check(name, model, data)
        else:
            with pytest.raises(UsageError, match=name):
                evaluation.check(name, model, data)
