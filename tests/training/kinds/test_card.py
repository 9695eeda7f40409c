"""What all cards say, without a model."""

import dataclasses
import re

import pytest

from training import datasets
from training.kinds import card
from training.kinds.classifier import Classifier
from training.kinds.latent_model import LatentModel
from training.recipes import find_recipe, recipe_names

NAMES = tuple(f"class of {digit}" for digit in range(10))


def _data(**fields):
    return dataclasses.replace(datasets.load("digits", image_size=8), **fields)


def test_a_card_names_licences_and_whom_to_cite():
    data = _data()
    text = card.licence(data, find_recipe("conv_draw_digits"))
    assert data.licence in text
    assert "Apache-2.0" in text
    assert "CITATION.cff" in text
    for number in ("1810.00597", "1702.08658", "1706.02262"):
        assert f"(https://arxiv.org/abs/{number})" in text
    assert "- Data" not in card.licence(_data(licence=""), find_recipe("conv_draw_digits"))


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("conv_draw_digits", ["Towards Conceptual Compression", "Taming VAEs"]),
        ("nvp_vae_mnist", ["Taming VAEs", "Density Estimation Using Real NVP"]),
        ("conv_vae_mnist_energy_prior", ["Latent Space Energy-Based Prior", "Auto-Encoding"]),
        ("energy_vae_mnist", ["Joint Latent Space EBM", "Latent Space Energy-Based Prior"]),
        ("conv_vae_mnist_mixture_prior", ["Auto-Encoding", "Deterministic Autoencoders"]),
        ("info_vae_mnist_mmd", ["InfoVAE", "A Kernel Two-Sample Test"]),
        ("short_run_mnist", ["Short Run MCMC"]),
        ("classifier_digits", ["How to Train Your ResNet"]),
    ],
)
def test_the_papers_of_every_part_of_a_model_are_cited(name, titles):
    cited = card.citations(find_recipe(name))
    assert len(cited) == len(set(cited))
    for title in titles:
        assert sum(title in text for text in cited) == 1, title
    assert all(text in card.licence(_data(), find_recipe(name)) for text in cited)


@pytest.mark.parametrize("name", recipe_names())
def test_a_ledger_names_whom_it_follows(name):
    recipe = find_recipe(name)
    assert card.citations(recipe), "The class of its architecture has no citations."
    for row in recipe.fidelity:
        assert not re.match("as (in )?the paper", row["why"]), row


def test_a_caveat_stands_below_the_measures():
    metrics = {"test_images": 5}
    rows = [("bits a dimension", "5.1", "at most")]
    with_caveat = card.measures(_data(caveat="JPEG copies."), metrics, rows, ["Met."])
    assert with_caveat.endswith("| at most |\n\nJPEG copies.\n\n**Met.**")
    assert "JPEG" not in card.measures(_data(), metrics, rows)


def test_classes_have_their_names():
    metrics = {
        "test": {"accuracy": 0.9, "probability_of_true_class": 0.9, "cross_entropy": 0.1},
        "accuracy_of_each_class": [0.9] * 3 + [0.5] + [0.9] * 6,
    }
    last = Classifier().measure_rows(_data(class_names=NAMES), metrics)[-1]
    assert last == ("least accuracy of a class", "50.00%", "class class of 3")
    assert Classifier().measure_rows(_data(), metrics)[-1][-1] == "class 3"


def test_frozen_parameters_are_named_beside_the_others():
    metrics = {"machine": {"accelerators": [], "cores": 2}, "parameters": 5, "steps": 1}
    metrics |= {"training_seconds": 60, "seed": 0}
    text = card.training(find_recipe("conv_vae_mnist_energy_prior"), _data(), metrics, {})
    assert "`zoo.TiltedModel`, 5 parameters |" in text
    recipe = find_recipe("conv_vae_mnist_energy_prior")
    text = card.training(recipe, _data(), metrics | {"frozen_parameters": 1234}, {})
    assert "`zoo.TiltedModel`, 5 parameters, and 1,234 that are frozen |" in text
    assert "8x8. |" in text  # Not resized.


def test_limitations_are_the_models_own():
    metrics = {"test": {"rmse": 0.1}, "margins": {"reconstruction_error": 0.1}}
    recipe = find_recipe("chart_vae_digits")
    assert "Constraints hold on average" in LatentModel().use_text(recipe, metrics)
    assert "Constraints" not in LatentModel().use_text(recipe, metrics | {"margins": {}})
