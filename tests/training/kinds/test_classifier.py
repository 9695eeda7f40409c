"""A classifier is trained, resumed, measured and exported like any other model of the zoo."""

import dataclasses
import json
import os
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.training.tiny import AtStep, Killed, die, history, recipes_of, tiny_recipe
from training import datasets, kinds
from training.command_line import cli
from training.kinds.classifier import Classifier
from training.recipes import find_recipe
from training.runs import model_source, run
from zoo.errors import UsageError

CLASSIFIERS = recipes_of("classifier")


def classifier_recipe(**changes):
    """A classifier of a few weights on 8x8 digits: 7 steps, of which the last epoch has one."""
    values = {
        "name": "tiny_classifier",
        "architecture": {"class_name": "ConvClassifier", "arguments": {"filters": [4, 6]}},
        "objective": {
            "class_name": "CrossEntropy",
            "arguments": {"label_smoothing": 0.1, "shift": 1, "flip": True},
        },
        "optimizer": {
            "class_name": "SGD",
            "learning_rate": 0.1,
            "final_fraction": 0.1,
            "momentum": 0.9,
            "weight_decay": 0.001,
            "warmup_fraction": 0.3,
        },
    }
    return tiny_recipe(**(values | changes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Directory, model and metrics of a run that nothing disturbed."""
    directory = tmp_path_factory.mktemp("runs") / "classifier"
    return directory, *run.train(classifier_recipe(), directory, verbose=0)


def test_fills_the_run_directory(finished):
    directory, _, metrics = finished
    files = {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}
    assert {
        "recipe.json",
        "history.csv",
        "metrics.json",
        "card.md",
        "checkpoints/best.keras",
        "checkpoints/step-00000007.keras",
        "figures/mistakes.png",
        "savedmodel/1/saved_model.pb",
    } <= files
    assert np.asarray(Image.open(directory / "figures" / "mistakes.png")).std() > 5
    assert json.loads((directory / "metrics.json").read_text()) == metrics
    rows = history(directory)
    assert [row["step"] for row in rows] == [3, 6, 7]
    assert {"accuracy", "cross_entropy", "val_accuracy", "val_cross_entropy"} <= set(rows[0])


def test_metrics_are_those_of_the_exported_model(finished):
    directory, _, metrics = finished
    classifier = zoo.load(directory / "savedmodel" / "1")
    test = datasets.load_for(classifier_recipe()).arrays("test")
    probabilities = np.asarray(classifier(test["image"]), np.float64)
    right = probabilities[np.arange(300), test["label"]]
    is_right = probabilities.argmax(axis=1) == test["label"]
    assert metrics["test_images"] == 300
    assert metrics["test"]["accuracy"] == pytest.approx(np.mean(is_right))
    assert metrics["test"]["cross_entropy"] == pytest.approx(-np.log(right).mean(), rel=1e-4)
    assert metrics["test"]["probability_of_true_class"] == pytest.approx(right.mean(), rel=1e-4)
    assert np.trace(metrics["confusion"]) == is_right.sum()
    of_three = is_right[test["label"] == 3]
    assert metrics["accuracy_of_each_class"][3] == pytest.approx(of_three.mean())
    assert classifier.label_smoothing == 0.1


def test_card_has_the_measures(finished):
    directory, _, metrics = finished
    card = (directory / "card.md").read_text()
    assert f"| accuracy | {metrics['test']['accuracy']:.2%} |" in card
    assert "](figures/mistakes.png)" in card
    assert "shifted by up to 1 pixel each way, half of them mirrored" in card
    assert "| size | large | tiny | a \\| test |" in card


@pytest.mark.thorough
def test_resume_equals_uninterrupted(tmp_path, finished):
    directory, expected, _ = finished
    steps = AtStep(5, die)  # Within the second epoch.
    settings = {"directory": tmp_path / "run", "verbose": 0, "callbacks": [steps]}
    with pytest.raises(Killed):
        run.train(classifier_recipe(), **settings)
    model, _ = run.train(classifier_recipe(), resume=True, results=False, **settings)
    assert steps.num_steps == 5 + 4, "the three steps of the first epoch are not repeated"
    for now, wanted in zip(model.variables, expected.variables, strict=True):
        np.testing.assert_allclose(now, wanted, rtol=1e-4, atol=1e-5)
    for row, wanted in zip(history(tmp_path / "run"), history(directory), strict=True):
        assert row == pytest.approx(wanted, rel=1e-4, abs=1e-6)


def test_learning_rate_rises_linearly_then_falls_along_a_cosine():
    recipe = classifier_recipe(steps=100)
    model = kinds.make_model(recipe, datasets.load_for(recipe))
    rates = []
    for step in (0, 15, 30, 65, 100):
        model.optimizer.iterations.assign(step)
        rates.append(float(model.optimizer.learning_rate))
    assert rates == pytest.approx([0.0, 0.05, 0.1, 0.055, 0.01], rel=1e-5)


# === Commands ===


def test_commands_take_a_classifier(finished, tmp_path, capsys):
    directory, _, metrics = finished
    assert cli.main(["evaluate", str(directory)]) == 0
    printed = capsys.readouterr().out
    assert "300 images of the test split" in printed
    accuracy = f"{metrics['test']['accuracy']:.2%}"
    assert re.search(rf"^  accuracy +{accuracy}  share of images", printed, re.MULTILINE)
    assert cli.main(["export", str(directory), str(tmp_path / "1")]) == 0
    assert zoo.load(tmp_path / "1").num_classes == 10
    capsys.readouterr()
    for arguments in (["sample", str(directory)], ["reconstruct", str(directory), __file__]):
        assert cli.main(arguments) == 2
        assert "vae-zoo: " in capsys.readouterr().err


def test_sampling_from_a_classifier_is_refused_by_name(finished, capsys):
    assert cli.main(["sample", str(finished[0])]) == 2
    assert "is a classifier: it neither samples nor reconstructs" in capsys.readouterr().err


def test_summary_says_the_accuracy(finished):
    metrics = finished[2]
    assert f"accuracy {metrics['test']['accuracy']:.2%}" in Classifier().summary(metrics)


# === What cannot be ===


def _without(data, **changes):
    return dataclasses.replace(data, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"num_classes": None},
            "labels for tiny_classifier, .*, received digits without labels; give data",
        ),
        (
            {"context_shape": (8, 8, 1)},
            "takes an image alone, received digits, whose examples have context",
        ),
    ],
)
def test_data_without_labels_or_with_context_are_refused(monkeypatch, tmp_path, changes, message):
    data = _without(datasets.load_for(classifier_recipe()), **changes)
    monkeypatch.setattr(run.datasets, "load_for", lambda recipe: data)
    with pytest.raises(UsageError, match=message):
        run.train(classifier_recipe(), tmp_path / "run", verbose=0)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_evaluation_needs_labels_it_knows(finished):
    data = datasets.load_for(classifier_recipe())
    for changes, has in (({"num_classes": None}, "no labels"), ({"num_classes": 11}, "11 classes")):
        with pytest.raises(
            UsageError, match=f"10 classes that .* knows, received digits with {has}"
        ):
            Classifier().measure_test(finished[1], _without(data, **changes), 16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"objective": {"class_name": "ELBO", "arguments": {}}},
            "Expected CrossEntropy, which trains a classifier, received ELBO",
        ),
        (
            {"objective": {"class_name": "CrossEntropy", "arguments": {"shft": 1}}},
            "no argument of CrossEntropy 'shft'. Did you mean shift",
        ),
        (
            {"architecture": {"class_name": "ConvClassifier", "arguments": {"filters": [0]}}},
            "filters must be one or more ints",
        ),
        (
            {"optimizer": {"class_name": "Ada", "learning_rate": 1.0, "final_fraction": 0.1}},
            "no optimizer 'Ada'. Did you mean Adam",
        ),
    ],
)
def test_what_cannot_be_built_is_named(changes, message):
    recipe = classifier_recipe(**changes)
    with pytest.raises(UsageError, match=message):
        kinds.make_model(recipe, datasets.load_for(recipe))


def test_a_tolerance_is_refused():
    with pytest.raises(UsageError, match="CrossEntropy of tiny_classifier, which has 0"):
        classifier_recipe().override(tolerance=0.1)


# === The recipes ===


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_recipe_makes_a_classifier(name):
    recipe = find_recipe(name)
    shape = {"digits": (16, 16, 1), "mnist": (28, 28, 1)}.get(recipe.data["name"], (32, 32, 3))
    data = _without(datasets.load_for(classifier_recipe()), image_shape=shape)
    model = kinds.make_model(recipe, data)
    assert (recipe.name, model.image_shape, model.num_classes) == (name, shape, 10)
    assert recipe.fidelity
    assert recipe.tolerances == {}


# === The pretrained classifiers ===


def _is_prepared(name):
    folder = os.environ.get("TFDS_DATA_DIR")
    return folder is not None and (pathlib.Path(folder) / name).is_dir()


@pytest.mark.parametrize(
    ("data_name", "least"),
    [("mnist", 0.99), pytest.param("cifar10", 0.85, marks=pytest.mark.thorough)],
)
def test_pretrained_classifiers_recognise_their_data(data_name, least):
    """On the first 1000 test images, with three standard errors of leeway."""
    if not _is_prepared(data_name):
        pytest.skip(f"needs TFDS_DATA_DIR with a prepared {data_name}")
    name = f"classifier_{data_name}"
    assert name in zoo.list_models()
    classifier, recipe = model_source.load_model(name)
    data = datasets.load_for(recipe)
    batches = data.batches("test", 250, 1000)
    accuracy = classifier.evaluate(batches, return_dict=True, verbose=0)["accuracy"]
    assert accuracy >= least - 3 * (least * (1 - least) / 1000) ** 0.5
